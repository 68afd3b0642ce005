import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startChild } from '#local/child.ts';
import { freePort, loopback } from '#local/ports.ts';
import { giveAway, makeOwned, unprivileged } from '#local/unprivileged.ts';
import { debianProgram } from '../debian-package.ts';
import { login } from './direct.ts';
import type { Leg, LegPlaces } from './leg.ts';
import { untilListening } from './until-listening.ts';

const run = promisify(execFile);

/**
 * PgBouncer of Debian in session mode, SCRAM towards the client, no TLS towards the server. It keeps server
 * connections for the next session, which the gateway does not.
 */
export async function pgbouncer(places: LegPlaces, tls: boolean): Promise<Leg> {
  const { target } = places;
  const name = tls ? 'pgbouncer-tls' : 'pgbouncer';
  const folder = join(places.folder, name);
  await makeOwned(folder);
  const program = await debianProgram('pgbouncer', ['pgbouncer', 'libc-ares2', 'libevent-2.1-7'], {
    ...places,
    folder: places.folder,
  });
  const own = async (file: string, content: string | Buffer) => {
    const path = join(folder, file);
    await writeFile(path, content, { mode: 0o600 });
    await giveAway(path);
    return path;
  };
  const port = await freePort();
  const users = await own('users.txt', `"${target.user}" "${target.password}"\n`);
  const certificate = tls
    ? [
        'client_tls_sslmode = require',
        `client_tls_cert_file = ${await own('server.pem', await readFile(target.proxyCertificate.cert))}`,
        `client_tls_key_file = ${await own('server-key.pem', await readFile(target.proxyCertificate.key))}`,
      ]
    : ['client_tls_sslmode = disable'];
  const config = await own(
    'pgbouncer.ini',
    [
      '[databases]',
      `${target.database} = host=${target.host} port=${target.port} dbname=${target.database}`,
      '[pgbouncer]',
      `listen_addr = ${loopback}`,
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'pool_mode = session',
      'auth_type = scram-sha-256',
      `auth_file = ${users}`,
      'max_client_conn = 500',
      'default_pool_size = 250',
      'server_tls_sslmode = disable',
      'log_connections = 0',
      'log_disconnections = 0',
      ...certificate,
      '',
    ].join('\n'),
  );
  const child = await startChild({
    command: program.command,
    args: [config],
    cwd: folder,
    env: { ...program.env },
    logFile: join(places.folder, `${name}.log`),
    as: unprivileged,
    endSignal: 'SIGINT',
  });
  await untilListening(child, port, join(places.folder, `${name}.log`));
  const { stdout } = await run(program.command, ['--version'], { env: program.env });
  return {
    ...login(target),
    name,
    host: loopback,
    port,
    ca: tls ? target.ca : undefined,
    pids: [child.pid],
    what: `${stdout.split('\n')[0]}, session mode, ${tls ? "TLS on the client's leg" : 'no TLS'}`,
    [Symbol.asyncDispose]: async () => {
      // SIGTERM ends it at once, SIGINT waits for its clients.
      await child.stop(['SIGTERM'], 2000);
    },
  };
}
