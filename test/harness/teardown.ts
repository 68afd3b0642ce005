/** After all integration tests: nothing that they started stays. */
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeDataFolder } from '#local/data-folder.ts';
import { places, runFolderVariable } from './run-folder.ts';

const endWithinMs = 20_000;

export default async function teardown(): Promise<void> {
  const folder = process.env[runFolderVariable];
  if (folder === undefined) return;
  const pid = Number(await readFile(places(folder).pid, 'utf8').catch(() => ''));
  if (pid > 0) {
    await end(pid);
    await removeDataFolder(places(folder).data);
  }
  await rm(folder, { recursive: true, force: true });
}

async function end(pid: number): Promise<void> {
  const signal = (name: NodeJS.Signals | 0) => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  signal('SIGTERM');
  for (const deadline = Date.now() + endWithinMs; signal(0); await sleep(50)) {
    if (Date.now() < deadline) continue;
    signal('SIGKILL');
    throw new Error('the shared stack did not stop');
  }
}
