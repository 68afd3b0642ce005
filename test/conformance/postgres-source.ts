import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DebianPostgres } from '../../bench/debian-postgres.ts';

const run = promisify(execFile);

/** The suite, ready to run: a folder that holds sql/, expected/, data/ and lib/regress.so. */
export interface RegressionSuite {
  readonly folder: string;
  /** Debian's version of the source it came from, which is the installed server's. */
  readonly version: string;
}

/**
 * PostgreSQL's own regression suite at exactly the installed server's version, out of Debian's source
 * package; kept under `cache`, so that it is fetched and built once. pg_regress itself ships with
 * `postgresql-client-15`; only regress.so, the suite's C functions, is compiled: one file against the
 * headers of `postgresql-server-dev-15`, which is unpacked and not installed.
 *
 * @throws Error with the failed command's words when apt, gcc or that version cannot be had
 */
export async function regressionSuite(cache: string, installed: DebianPostgres): Promise<RegressionSuite> {
  const { stdout } = await run('dpkg-query', ['--show', 'postgresql-15']);
  const version = stdout.trim().split('\t')[1];
  if (version === undefined) throw new Error(`dpkg-query printed no version: ${stdout}`);
  const folder = join(cache, `postgres-regress-${version}`);
  if ((await readdir(folder).catch(() => [])).length > 0) return { folder, version };

  const work = join(cache, 'postgres-regress.partial');
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'source'), { recursive: true });
  const apt = { cwd: work, env: { ...process.env, APT_CONFIG: await sourceAptConfig(work) } };
  await run('apt-get', ['-qq', 'update'], apt);
  await run('apt-get', ['-qq', 'source', '--download-only', `postgresql-15=${version}`], apt);
  await run('apt-get', ['-qq', 'download', `postgresql-server-dev-15=${version}`], apt);
  const files = await readdir(work);
  const one = (ending: string) => {
    const found = files.find(name => name.endsWith(ending));
    if (found === undefined) throw new Error(`apt-get gave no ${ending} for postgresql-15 ${version}`);
    return join(work, found);
  };
  const untar = ['--strip-components=1', '--no-same-owner', '--no-same-permissions', '--wildcards'];
  await run('tar', ['xf', one('.orig.tar.bz2'), '-C', join(work, 'source'), ...untar, '*/src/test/regress']);
  await run('dpkg', ['-x', one('.deb'), join(work, 'dev')]);
  const regress = join(work, 'source/src/test/regress');
  await mkdir(join(regress, 'lib'));
  // The flags are PostgreSQL's own for code in the server: its arithmetic counts on -fwrapv.
  const flags = ['-O2', '-fPIC', '-shared', '-fwrapv', '-fno-strict-aliasing'];
  const headers = `-I${join(work, 'dev/usr/include/postgresql/15/server')}`;
  await run('gcc', [...flags, headers, '-o', 'lib/regress.so', 'regress.c'], { cwd: regress });
  for (const name of ['autoinc.so', 'refint.so']) {
    await copyFile(join(installed.lib, name), join(regress, 'lib', name));
  }
  await rename(regress, folder);
  await rm(work, { recursive: true, force: true });
  return { folder, version };
}

/**
 * An apt configuration of our own that adds source packages to what the system's lists already offer,
 * and leaves the system's alone. Lists, cache and sources all lie under `work`.
 */
async function sourceAptConfig(work: string): Promise<string> {
  const parts = join(work, 'sources');
  await mkdir(join(work, 'lists/partial'), { recursive: true });
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
  await mkdir(parts);
  const system = '/etc/apt/sources.list.d';
  const names = (await readdir(system).catch(() => [])).map(name => join(system, name));
  for (const path of ['/etc/apt/sources.list', ...names]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const name = path.replaceAll('/', '-').slice(1);
    if (path.endsWith('.sources')) {
      await writeFile(join(parts, name), text.replace(/^Types:.*$/gm, 'Types: deb deb-src'));
    } else if (path.endsWith('.list')) {
      await writeFile(join(parts, name), `${text}\n${text.replace(/^deb /gm, 'deb-src ')}\n`);
    }
  }
  const config = join(work, 'apt.conf');
  const lines = [
    'Dir::Etc::sourcelist "/dev/null";',
    `Dir::Etc::sourceparts "${parts}";`,
    `Dir::State::lists "${join(work, 'lists')}";`,
    `Dir::Cache "${join(work, 'cache')}";`,
    // As root apt downloads under an account that may not enter our folder.
    'APT::Sandbox::User "";',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return config;
}
