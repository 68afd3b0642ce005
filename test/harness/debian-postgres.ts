/** Debian's PostgreSQL 15 as a target for tests, with whatever way of signing in is to be tried. */
import { join } from 'node:path';
import type { CertificateFiles } from '#local/pki.ts';
import { freePort } from '#local/ports.ts';
import { type PostgresServer, startPostgres } from '#local/postgres.ts';
import { postgresBin } from './tools.ts';

/** How users sign in from the loopback address. The superuser always may by SCRAM. */
export type TargetAuth = 'scram-sha-256' | 'md5' | 'password' | 'cert';

export interface DebianPostgresOptions {
  /** State goes here. */
  readonly folder: string;
  /** Default: `scram-sha-256`. */
  readonly auth?: TargetAuth;
  /** `only`: connections without TLS are refused. Default: no TLS. */
  readonly tls?: CertificateFiles & { readonly ca?: string; readonly only?: boolean };
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startDebianPostgres(
  options: DebianPostgresOptions,
): Promise<PostgresServer & AsyncDisposable> {
  const { folder, auth = 'scram-sha-256', tls } = options;
  const kind = tls?.only || auth === 'cert' ? 'hostssl' : 'host';
  const server = await startPostgres({
    binaries: postgresBin,
    folder: join(folder, 'postgres-15'),
    port: await freePort(),
    logFile: join(folder, 'postgres-15.log'),
    accessRules: ['host all postgres 127.0.0.1/32 scram-sha-256', `${kind} all all 127.0.0.1/32 ${auth}`],
    settings: {
      // md5 needs a verifier of its own kind; the superuser's was made before, with SCRAM.
      password_encryption: auth === 'md5' ? 'md5' : 'scram-sha-256',
      ...options.settings,
    },
    ...(tls && { tls }),
  });
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}

/** Makes a login and a database of its own for it. */
export async function makeLogin(
  server: PostgresServer,
  login: { readonly user: string; readonly password?: string; readonly database: string },
): Promise<void> {
  await server.administer('postgres', async client => {
    const user = client.escapeIdentifier(login.user);
    const password = login.password === undefined ? 'NULL' : client.escapeLiteral(login.password);
    await client.query(`CREATE ROLE ${user} LOGIN PASSWORD ${password}`);
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(login.database)} OWNER ${user}`);
  });
}
