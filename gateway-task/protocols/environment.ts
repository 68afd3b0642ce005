import { z } from 'zod';
import type { ProtocolName } from './names.ts';
import { sshEnvironment } from './ssh/environment.ts';

/** What each protocol reads from the environment beside its listener's address, if it has a listener. */
export const protocolEnvironments = {
  postgres: z.object({}),
  ssh: sshEnvironment,
} as const satisfies Record<ProtocolName, z.ZodType>;

export type ProtocolSettings = {
  readonly [Name in ProtocolName]: z.output<(typeof protocolEnvironments)[Name]>;
};
