import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Disk, writeAll } from './disk.ts';

const reserveBytes = 1024 * 1024;

/**
 * One MiB that is on the disk only to be given up: when the disk is full, it makes room for the errors and
 * ends of the sessions that are open. Random bytes, since a compressing or sparse file system keeps nothing
 * for zeros.
 */
export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  #held = false;

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#path = join(dir, 'reserve');
  }

  /** Sets it aside, if it is not yet. Throws the system's error, and leaves nothing. */
  hold(): void {
    if (this.#held) return;
    const fd = this.#disk.openSync(this.#path, 'w', 0o600);
    try {
      writeAll(this.#disk, fd, randomBytes(reserveBytes), reserveBytes, 0);
      this.#held = true;
    } finally {
      this.#disk.closeSync(fd);
      if (!this.#held) this.#disk.unlinkSync(this.#path);
    }
  }

  /** Gives it up. True: there is more room now than before. */
  release(): boolean {
    if (!this.#held) return false;
    this.#held = false;
    try {
      this.#disk.unlinkSync(this.#path);
      return true;
    } catch {
      return false;
    }
  }
}
