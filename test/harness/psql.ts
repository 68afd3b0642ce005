/** Runs stock clients. */
import type { ReadyFile } from '#local/ready-file.ts';
import { type ProgramEnd, type ProgramOptions, run } from './program.ts';
import { postgresBin } from './tools.ts';

/** How libpq finds the gateway and signs in as a person; for `env` of any libpq program. */
export function gatewayEnv(
  ready: ReadyFile,
  who: string,
  changes: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PGHOST: 'localhost',
    PGPORT: String(ready.gateway.postgres.port),
    PGDATABASE: 'shop',
    PGUSER: who,
    PGPASSWORD: ready.people[who]?.token ?? '',
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: ready.gateway.ca,
    ...changes,
  };
}

/**
 * Debian's psql 15 without a start-up file, unaligned, tuples only: what it prints is easily compared.
 *
 * @param statements each its own `-c`, so its own message to the server
 */
export function psql(
  env: Readonly<Record<string, string>>,
  statements: readonly string[],
  options: Omit<ProgramOptions, 'env'> & { readonly args?: readonly string[] } = {},
): Promise<ProgramEnd> {
  const { args = [], ...rest } = options;
  const commands = statements.flatMap(statement => ['-c', statement]);
  return run(`${postgresBin}/psql`, ['-X', '-A', '-t', ...args, ...commands], { ...rest, env });
}
