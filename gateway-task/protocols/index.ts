import type { ProtocolName } from './names.ts';
import { postgres } from './postgres/index.ts';
import type { Protocol } from './protocol.ts';

/** The list: one line a protocol. `names.ts` has the same names without the code. */
// biome-ignore lint/suspicious/noExplicitAny: what a protocol remembers of a greeting is its own affair.
export const protocols: { readonly [Name in ProtocolName]: Protocol<any, any> } = { postgres };
