import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '#local/child.ts';
import { loopback } from '#local/ports.ts';
import { login } from './direct.ts';
import type { Leg, LegPlaces } from './leg.ts';

/** A bare forwarder in a Node.js of its own: what any gateway in Node.js pays before it does anything. */
export async function pump(places: LegPlaces, tls: boolean): Promise<Leg> {
  const { target } = places;
  const { cert, key } = target.proxyCertificate;
  const name = tls ? 'pump-tls' : 'pump';
  const logFile = join(places.folder, `${name}.log`);
  const child = await startChild({
    command: process.execPath,
    args: [
      join(import.meta.dirname, tls ? 'tls-pump.ts' : 'tcp-pump.ts'),
      target.host,
      String(target.port),
      ...(tls ? [cert, key] : []),
    ],
    cwd: places.folder,
    env: {},
    logFile,
    endSignal: 'SIGTERM',
  });
  let port = 0;
  for (let waited = 0; port === 0; waited += 50) {
    const said = await readFile(logFile, 'utf8');
    port = Number(/^(\d+)$/m.exec(said)?.[1] ?? 0);
    if (port === 0 && (waited > 10_000 || !child.running())) {
      await child.stop(['SIGTERM'], 1000);
      throw new Error(`the pump did not start: ${said}`);
    }
    await sleep(50);
  }
  return {
    ...login(target),
    name,
    host: loopback,
    port,
    ca: tls ? target.ca : undefined,
    pids: [child.pid],
    what: `a bare forwarder in Node.js ${process.versions.node}, ${tls ? "ending the client's TLS" : 'no TLS'}`,
    [Symbol.asyncDispose]: async () => {
      await child.stop(['SIGTERM'], 2000);
    },
  };
}
