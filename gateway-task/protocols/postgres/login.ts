import { z } from 'zod';
import type { TargetTls } from '#gateway/net/connect.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { secretText } from '#lib/aws/secret-value.ts';
import { SallyportError } from '#lib/errors.ts';
import type { PostgresTarget } from '#lib/policy/config/targets/postgres.ts';

/** What the gateway signs in with at a PostgreSQL target. Lives in memory only while it is used. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string | undefined;
  /** Undefined: the configuration says that this target has no TLS. */
  readonly tls: TargetTls | undefined;
}

/**
 * The secret: JSON as RDS writes it, where what is not needed here is passed over; or, instead of the password,
 * a client certificate with its key, both in PEM.
 */
export const postgresSecret = z
  .object({
    host: z.string().min(1).max(253).optional(),
    // Secrets that were typed into a form hold their numbers as text.
    port: z.coerce.number().int().min(1).max(65_535).optional(),
    dbname: z.string().min(1).max(63).optional(),
    username: z.string().min(1).max(256),
    password: secretText(4_096).optional(),
    certificate: z.string().min(1).max(65_536).optional(),
    key: secretText(65_536).optional(),
  })
  .refine(secret => secret.password !== undefined || secret.key !== undefined, 'has neither password nor key')
  .refine(secret => (secret.certificate === undefined) === (secret.key === undefined), 'has half a key pair');

/** Fetches the target's secret. Rejects with coded errors only. */
export async function loginOf(grant: Grant<PostgresTarget>): Promise<PostgresLogin> {
  const { config } = grant;
  const secret = await grant.secret(config.secret, postgresSecret);
  const host = config.host ?? secret.host;
  const port = config.port ?? secret.port;
  if (host === undefined || port === undefined) {
    throw new SallyportError('targetUnavailable', 'neither targets.yaml nor the secret names host and port');
  }
  const { mode, ca } = config.tls;
  return {
    host,
    port,
    username: secret.username,
    password: secret.password?.reveal(),
    tls: mode === 'disable' ? undefined : { mode, ca, cert: secret.certificate, key: secret.key?.reveal() },
  };
}
