/** Tells scripts and people how to reach a running stack, in files that are whole or not there. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from './files.ts';
import type { ReadyFile } from './ready-file.ts';

/** The command line tool looks here when nothing else is said. */
export const ownReadyFile = (dataDir: string) => join(dataDir, 'ready.json');

export async function announce(ready: ReadyFile, readyFile: string | undefined): Promise<void> {
  for (const [name, { token }] of Object.entries(ready.people)) {
    await writePrivateFile(join(ready.paths.data, 'people', name), token);
  }
  const text = `${JSON.stringify(ready, null, 2)}\n`;
  await writePrivateFile(ownReadyFile(ready.paths.data), text);
  if (readyFile !== undefined) await writePrivateFile(readyFile, text);
}

/** A file that is there says that everything serves. */
export async function withdraw(dataDir: string, readyFile: string | undefined): Promise<void> {
  await rm(ownReadyFile(dataDir), { force: true });
  if (readyFile !== undefined) await rm(readyFile, { force: true });
}
