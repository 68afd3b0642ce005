import { z } from 'zod';

export const secretName = z.string().min(1).max(2048);

/** What every target has. */
export const common = {
  description: z.string().max(500).optional().describe('What it is, for the people who read this file.'),
  host: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('Host name or address. Left out: the host in the secret.'),
  port: z.int().min(1).max(65535).optional().describe('Left out: the port in the secret.'),
  tags: z
    .record(z.string().regex(/^[A-Za-z0-9_.:/-]{1,128}$/), z.string().max(256))
    .default({})
    .describe('Words for policies: resource.hasTag("env") && resource.getTag("env") == "prod".'),
} as const;

/** Where within a target a session can be. */
export interface Places {
  /** What such a place is called: a database, a login. */
  readonly word: string;
  /** The one that is meant when a client names the target alone. Empty: the target's secret says. */
  readonly own: string;
  readonly others: readonly string[];
}
