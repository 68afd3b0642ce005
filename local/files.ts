/** Writing files that hold secrets, or that others wait for. */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';

/**
 * Writes a file as a whole or not at all: a reader sees the old one or the new one. The mode holds from the
 * first byte on.
 */
export async function writePrivateFile(path: string, content: string | Uint8Array, mode = 0o600) {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(draft, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** The text of a file, made by `make` and written (mode 0600) when it is not there yet. */
export async function readOrMake(path: string, make: () => string | Promise<string>): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const content = await make();
  await writePrivateFile(path, content);
  return content;
}

/** A random password that needs no quoting anywhere. */
export function newSecret(bytes = 24): string {
  return randomBytes(bytes).toString('base64url');
}

const maxLogBytes = 64 * 1024 * 1024;

/** Before a server starts: puts a long log aside, in place of the one before it, so that none grows for ever. */
export async function rotateLog(path: string): Promise<void> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > maxLogBytes) await rename(path, `${path}.1`);
}
