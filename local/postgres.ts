/**
 * A real PostgreSQL on the loopback address, from given programs in a given folder: the sample target of
 * `npm start`, and the targets of the tests. Its state outlives a stop and a SIGKILL.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { type Child, startChild } from './child.ts';
import { newSecret, readOrMake, rotateLog, writePrivateFile } from './files.ts';
import type { CertificateFiles } from './pki.ts';
import { loopback } from './ports.ts';
import { giveAway, makeOwned, unprivileged } from './unprivileged.ts';

const run = promisify(execFile);
const superuser = 'postgres';

export interface PostgresOptions {
  /** Folder of `initdb` and `postgres`. */
  readonly binaries: string;
  /** State goes here; as root it must be reachable by others (see unprivileged.ts). */
  readonly folder: string;
  readonly port: number;
  /** Every statement that the server executes is written here (`log_statement = all`). */
  readonly logFile: string;
  /** TLS is on when given. `ca`: who signs client certificates. */
  readonly tls?: CertificateFiles & { readonly ca?: string };
  /** Lines of pg_hba.conf. Default: SCRAM-SHA-256 from the loopback address, with or without TLS. */
  readonly accessRules?: readonly string[];
  /** Further settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly superuser: { readonly user: string; readonly password: string };
  readonly logFile: string;
  readonly child: Child;
  /** A connection as superuser, closed after `action`. Its statements are not logged: they hold passwords. */
  administer<T>(database: string, action: (client: Client) => Promise<T>): Promise<T>;
  /** Fast shutdown: sessions are ended, data is safe. */
  stop(): Promise<void>;
}

const defaultAccessRules = ['host all all 127.0.0.1/32 scram-sha-256', 'host all all ::1/128 scram-sha-256'];

/** @throws Error with the server's own words when it does not start */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { folder, port, logFile } = options;
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await mkdir(dirname(logFile), { recursive: true });
  const password = await readOrMake(join(folder, 'superuser-password'), () => newSecret());
  if ((await stat(data).catch(() => undefined)) === undefined) await initialise(options, data, password);
  await endOrphan(data);
  await writeFile(join(data, 'pg_hba.conf'), `${(options.accessRules ?? defaultAccessRules).join('\n')}\n`);
  const settings = {
    listen_addresses: loopback,
    port: String(port),
    // TCP only: a socket's path may be no longer than 107 bytes, and nobody needs one.
    unix_socket_directories: '',
    log_statement: 'all',
    log_line_prefix: '%m [%p] %u@%d ',
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(await placeTls(options, folder)),
    ...options.settings,
  };
  await rotateLog(logFile);
  const child = await startChild({
    command: join(options.binaries, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: folder,
    env: environment(),
    logFile,
    as: unprivileged,
    endSignal: 'SIGINT',
  });
  const login = { host: loopback, port, user: superuser, password };
  await untilReady(child, login, logFile);
  return {
    host: loopback,
    port,
    superuser: { user: superuser, password },
    logFile,
    child,
    administer: (database, action) => administer({ ...login, database }, action),
    stop: async () => {
      await child.stop(['SIGINT', 'SIGQUIT'], 5000);
    },
  };
}

const environment = () => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' });

/** Under another name until it is whole, so that an interrupted first start begins anew. */
async function initialise(options: PostgresOptions, data: string, password: string) {
  const draft = `${data}.new`;
  const passwordFile = join(options.folder, 'initdb-password');
  await rm(draft, { recursive: true, force: true });
  await makeOwned(draft);
  await writePrivateFile(passwordFile, password);
  await giveAway(passwordFile);
  const args = ['-D', draft, '-U', superuser, '-E', 'UTF8', '--locale=C', '-A', 'scram-sha-256', '--no-sync'];
  try {
    await run(join(options.binaries, 'initdb'), [...args, `--pwfile=${passwordFile}`], {
      cwd: options.folder,
      env: environment(),
      ...unprivileged,
    });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() || (error as Error).message}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(draft, data);
}

/** The server insists that the key belongs to it and to nobody else. */
async function placeTls({ tls }: PostgresOptions, folder: string): Promise<Record<string, string>> {
  if (tls === undefined) return { ssl: 'off' };
  const home = join(folder, 'tls');
  await makeOwned(home);
  const place = async (from: string, name: string) => {
    const to = join(home, name);
    await rm(to, { force: true });
    await copyFile(from, to);
    await giveAway(to);
    return to;
  };
  return {
    ssl: 'on',
    ssl_cert_file: await place(tls.cert, 'server.pem'),
    ssl_key_file: await place(tls.key, 'server-key.pem'),
    ...(tls.ca === undefined ? {} : { ssl_ca_file: await place(tls.ca, 'ca.pem') }),
  };
}

/**
 * Ends a server that an earlier, killed start left on this data, and removes the mark of one that is gone:
 * its number may belong to another process by now, and then the server would refuse to start.
 */
async function endOrphan(data: string) {
  const mark = join(data, 'postmaster.pid');
  const pid = Number((await readFile(mark, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const home = await realpath(data);
  const ours = async () => (await workingFolder(pid)) === home;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!(await ours())) break;
    process.kill(pid, signal);
    for (let waited = 0; waited < 5000 && (await ours()); waited += 50) await sleep(50);
  }
  await rm(mark, { force: true });
}

/** A postmaster works in its data folder. Undefined where there is no such process, or no /proc. */
const workingFolder = (pid: number) => readlink(`/proc/${pid}/cwd`).catch(() => undefined);

interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

async function untilReady(child: Child, login: Login, logFile: string) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await administer({ ...login, database: 'postgres' }, async () => {});
    } catch (error) {
      if (child.running() && Date.now() < deadline) {
        await sleep(40);
        continue;
      }
      await child.stop(['SIGINT', 'SIGQUIT'], 2000);
      const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
      const said = lines.filter(line => line.includes('FATAL')).at(-1) ?? lines.at(-1) ?? '';
      throw new Error(`PostgreSQL did not start: ${said} (${logFile})`, { cause: error });
    }
  }
}

async function administer<T>(
  login: Login & { readonly database: string },
  action: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ ...login, connectionTimeoutMillis: 5000, options: '-c log_statement=none' });
  // A connection that breaks while it is idle says so by an event; the query in flight fails as well.
  client.on('error', () => {});
  try {
    await client.connect();
    return await action(client);
  } finally {
    await client.end();
  }
}
