/** What the SSH servers of the embedded stack have in common, real or not. */
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import { loopback } from './ports.ts';

/** A running one. */
export interface SshServer {
  readonly port: number;
  readonly child: Child;
  /** Ends it, and every session that it has. */
  stop(): Promise<void>;
}

/** @throws Error with the last line of its log when it does not greet */
export async function untilGreeting(child: Child, port: number, logFile: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await answers(port))) {
    if (child.running() && Date.now() < deadline) {
      await sleep(20);
      continue;
    }
    await child.stop(['SIGTERM'], 1000);
    const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
    throw new Error(`the SSH server did not start: ${lines.at(-1)} (${logFile})`);
  }
}

/** Whether an SSH server greets there. */
function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ host: loopback, port, timeout: 2000 });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', data => done(data.toString('latin1').startsWith('SSH-2.0-')));
    socket.once('error', () => done(false)).once('timeout', () => done(false));
    socket.once('close', () => done(false));
  });
}
