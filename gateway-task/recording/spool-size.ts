import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of journal under the spool folder, of this task and of earlier ones, that are not shipped yet. */
export async function spoolBytes(spoolDir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(spoolDir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.journal')) continue;
    try {
      bytes += (await stat(join(entry.parentPath, entry.name))).size;
    } catch {
      // Shipped and deleted while we looked.
    }
  }
  return bytes;
}
