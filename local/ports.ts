/** Ports on the loopback address. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

export const loopback = '127.0.0.1';

/** Below what systems give to connections that go out (32768 on Linux): nobody is given one of these by chance. */
const lowestFree = 20_000;
const highestFree = 32_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(lowestFree, highestFree);
    if (!(await isTaken(port))) return port;
  }
  throw new Error(`no port from ${lowestFree} to ${highestFree} is free`);
}

/** Whether somebody already listens there. */
export async function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, loopback);
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return true;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return false;
}
