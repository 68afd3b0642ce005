import { join } from 'node:path';
import { freePort } from '#local/ports.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '#local/postgres.ts';
import { postgresBin } from '../../harness/tools.ts';

/** Debian's PostgreSQL 15 in a folder of its own, as an unprivileged user where the tests run as root. */
export async function startDebianPostgres(
  folder: string,
  options: Partial<PostgresOptions> = {},
): Promise<PostgresServer> {
  return startPostgres({
    binaries: postgresBin,
    folder: join(folder, 'debian-postgres'),
    port: await freePort(),
    logFile: join(folder, 'debian-postgres.log'),
    ...options,
  });
}
