import { z } from 'zod';
import type { Places } from './targets/common.ts';
import { postgresPlaces, postgresTarget } from './targets/postgres.ts';
import { sshPlaces, sshTarget } from './targets/ssh.ts';

/** A system behind the gateway. One more protocol is one more member. */
export const targetSchema = z.discriminatedUnion('protocol', [postgresTarget, sshTarget]);

/** Clients write it as a database name or login (`shop`, `shop/otherdb`), so it has no slash and no capital. */
export const targetName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/)
  .describe('Lower-case letters, digits and hyphens, a letter first.');

export const targetsSchema = z
  .record(targetName, targetSchema)
  .describe('The systems behind the gateway, by the name that clients and policies use.');

export type Target = z.output<typeof targetSchema>;
export type Targets = z.output<typeof targetsSchema>;

/** Where within this target a session can be. */
export function placesOf(target: Target): Places {
  switch (target.protocol) {
    case 'postgres':
      return postgresPlaces(target);
    case 'ssh':
      return sshPlaces(target);
  }
}
