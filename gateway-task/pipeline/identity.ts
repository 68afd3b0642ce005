import type { Principal } from '#lib/identity/principal.ts';

declare const verified: unique symbol;
/** A principal that a credential has proved. Made by the task's `identify` alone. */
export type Identity = Principal & { readonly [verified]: true };
