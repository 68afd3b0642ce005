import { Client, type ClientConfig } from 'pg';
import { type ProgramEnd, type ProgramOptions, run } from '../../harness/program.ts';
import { postgresBin } from '../../harness/tools.ts';

/** What a client needs to sign in somewhere: at the gateway, or at a server itself. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The authority that a TLS connection is verified by. */
  readonly ca?: string;
}

/** The variables that libpq reads. */
export function libpqEnvironment(login: Login): Record<string, string> {
  return {
    PGHOST: login.host,
    PGPORT: String(login.port),
    PGUSER: login.user,
    PGPASSWORD: login.password,
    PGDATABASE: login.database,
    PGCONNECT_TIMEOUT: '15',
    PGGSSENCMODE: 'disable',
    ...(login.ca === undefined
      ? { PGSSLMODE: 'disable' }
      : { PGSSLMODE: 'verify-full', PGSSLROOTCERT: login.ca }),
  };
}

/** Debian's psql, without anybody's settings, its output bare. */
export function psql(
  login: Login,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramEnd> {
  return run(`${postgresBin}/psql`, ['-X', '-q', '-A', '-t', ...args], {
    ...options,
    env: { ...libpqEnvironment(login), ...options.env },
  });
}

/** A program that comes with PostgreSQL 15: pgbench, pg_dump, pg_restore. */
export function postgresProgram(
  name: string,
  login: Login,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramEnd> {
  return run(`${postgresBin}/${name}`, args, {
    ...options,
    env: { ...libpqEnvironment(login), ...options.env },
  });
}

/** A node-postgres client that is connected, and closed after `action`. */
export async function withClient<T>(
  login: Login,
  action: (client: Client) => Promise<T>,
  config: ClientConfig = {},
): Promise<T> {
  const client = await openClient(login, config);
  try {
    return await action(client);
  } finally {
    await client.end().catch(() => {});
  }
}

export async function openClient(login: Login, config: ClientConfig = {}): Promise<Client> {
  const { ca: _, ...plain } = login;
  const client = new Client({ ...plain, connectionTimeoutMillis: 15_000, ...config });
  // A connection that breaks while it is idle says so by an event; a query in flight fails as well.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** SQLSTATE of what `action` fails with; undefined when it does not fail. */
export async function sqlStateOf(action: Promise<unknown>): Promise<string | undefined> {
  try {
    await action;
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? `no SQLSTATE: ${(error as Error).message}`;
  }
}
