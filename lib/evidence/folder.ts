import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EvidenceFault } from './fault.ts';
import type { SessionSource } from './reader.ts';

/** A session's files in a folder that is named by its id. */
export class SessionFolder implements SessionSource {
  readonly id: string;
  readonly #path: string;

  constructor(recordingsDir: string, id: string) {
    this.id = id;
    this.#path = join(recordingsDir, id);
  }

  async list(): Promise<readonly string[]> {
    return await readdir(this.#path);
  }

  async read(name: string, maxBytes: number): Promise<Buffer> {
    const place = { session: this.id, file: name };
    try {
      const file = await open(join(this.#path, name));
      try {
        const { size } = await file.stat();
        if (size > maxBytes) throw new EvidenceFault('oversized', `a file of ${size} bytes`, place);
        const bytes = Buffer.allocUnsafe(size);
        let done = 0;
        while (done < size) {
          const { bytesRead } = await file.read(bytes, done, size - done, done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return bytes.subarray(0, done);
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (cause instanceof EvidenceFault) throw cause;
      throw new EvidenceFault('unreadable', 'the file cannot be read', place, cause);
    }
  }
}
