import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startChild } from '#local/child.ts';
import { freePort, loopback } from '#local/ports.ts';
import { unprivileged } from '#local/unprivileged.ts';
import { debianProgram } from '../debian-package.ts';
import { login } from './direct.ts';
import type { Leg, LegPlaces } from './leg.ts';
import { untilListening } from './until-listening.ts';

const run = promisify(execFile);
const PACKAGES = ['haproxy', 'liblua5.3-0', 'libopentracing-c-wrapper0', 'libopentracing1'];

/**
 * HAProxy of Debian as a TCP proxy, one thread. With `tls` the bytes that it passes are the client's TLS,
 * which the server ends: PostgreSQL starts TLS inside its own protocol, so HAProxy cannot.
 */
export async function haproxy(places: LegPlaces, tls: boolean): Promise<Leg> {
  const { target } = places;
  const name = tls ? 'haproxy-tls' : 'haproxy';
  const program = await debianProgram('haproxy', PACKAGES, places);
  const port = await freePort();
  const config = join(places.folder, `${name}.cfg`);
  await writeFile(
    config,
    [
      'global',
      '  nbthread 1',
      '  maxconn 1000',
      'defaults',
      '  mode tcp',
      '  timeout connect 5s',
      '  timeout client 10m',
      '  timeout server 10m',
      'listen postgres',
      `  bind ${loopback}:${port}`,
      `  server target ${target.host}:${target.port}`,
      '',
    ].join('\n'),
  );
  const logFile = join(places.folder, `${name}.log`);
  const child = await startChild({
    command: program.command,
    args: ['-db', '-f', config],
    cwd: places.folder,
    env: { ...program.env },
    logFile,
    as: unprivileged,
    endSignal: 'SIGTERM',
  });
  await untilListening(child, port, logFile);
  const { stdout } = await run(program.command, ['-v'], { env: { ...program.env } });
  const version = /version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
  return {
    ...login(target),
    name,
    host: loopback,
    port,
    ca: tls ? target.ca : undefined,
    pids: [child.pid],
    what: `HAProxy ${version}, TCP, ${tls ? 'TLS passed through to the server' : 'no TLS'}`,
    [Symbol.asyncDispose]: async () => {
      await child.stop(['SIGTERM'], 2000);
    },
  };
}
