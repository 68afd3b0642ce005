import { access } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = '/usr/lib/postgresql/15';

/** Debian's PostgreSQL 15: programs under `bin`, pg_regress and the loadable modules under `lib`. */
export interface DebianPostgres {
  readonly bin: string;
  readonly lib: string;
}

/** @throws Error with the way out when `postgresql-15` is not installed */
export async function debianPostgres(): Promise<DebianPostgres> {
  const found = { bin: join(FOLDER, 'bin'), lib: join(FOLDER, 'lib') };
  try {
    for (const program of ['postgres', 'psql', 'pgbench']) await access(join(found.bin, program));
  } catch (cause) {
    throw new Error(`there is no PostgreSQL 15 in ${FOLDER}: apt-get install postgresql-15`, { cause });
  }
  return found;
}
