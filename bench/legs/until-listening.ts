import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '#local/child.ts';
import { isTaken } from '#local/ports.ts';

const TIMEOUT_MS = 10_000;

/** Waits until a child listens on its port; ends it and throws with the last of its log when it does not. */
export async function untilListening(child: Child, port: number, logFile: string): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await isTaken(port))) {
    if (!child.running() || Date.now() > deadline) {
      await child.stop(['SIGTERM'], 1000);
      const log = await readFile(logFile, 'utf8').catch(() => '');
      throw new Error(`nothing listens on port ${port}: ${log.slice(-2000)}`);
    }
    await sleep(50);
  }
}
