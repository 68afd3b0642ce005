import type { ProtocolSettings } from './environment.ts';
import type { ProtocolName } from './names.ts';
import { postgres } from './postgres/index.ts';
import type { ProtocolMaker } from './protocol.ts';
import { ssh } from './ssh/index.ts';

/** The list: one line a protocol. `names.ts` has the same names without the code. */
export const protocols: { readonly [Name in ProtocolName]: ProtocolMaker<ProtocolSettings[Name]> } = {
  postgres,
  ssh,
};
