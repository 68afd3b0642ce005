/** Files for transfers, and what they are told by. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `npm run test:long`. */
export const long = process.env['SALLYPORT_LONG'] === '1';
export const mebibyte = 1024 ** 2;

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** A file of so many bytes that nothing compresses. @returns its SHA-256 */
export async function randomFile(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(file, 'w');
  try {
    for (let left = bytes; left > 0; ) {
      const piece = randomBytes(Math.min(left, 4 * mebibyte));
      hash.update(piece);
      await handle.write(piece);
      left -= piece.length;
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/** Small files in one folder, each with its own words. @returns SHA-256 by name */
export async function manyFiles(folder: string, count: number): Promise<Map<string, string>> {
  await mkdir(folder, { recursive: true });
  const digests = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    const name = `file-${String(index).padStart(5, '0')}`;
    const text = `${index} ${'words '.repeat(index % 50)}\n`;
    await writeFile(join(folder, name), text);
    digests.set(name, createHash('sha256').update(text).digest('hex'));
  }
  return digests;
}
