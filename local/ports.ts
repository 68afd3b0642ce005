/** Ports on the loopback address. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

export const loopback = '127.0.0.1';

/** Below what systems give to connections that go out (32768 on Linux): nobody is given one of these by chance. */
const lowestFree = 20_000;
const highestFree = 32_000;

/**
 * Where this process looks next. A port is given before a server listens there, so each process goes through a
 * stretch of its own, by its id, and never gives one twice before it has been round.
 */
const stretch = 500;
const first = lowestFree + (process.pid % ((highestFree - lowestFree) / stretch)) * stretch;
let next = first + randomInt(stretch);

/** A port that was free a moment ago, and that this process has not given lately. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < stretch; tries += 1) {
    next = next + 1 < first + stretch ? next + 1 : first;
    const port = next;
    if (!(await isTaken(port))) return port;
  }
  throw new Error(`no port from ${first} to ${first + stretch} is free`);
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
