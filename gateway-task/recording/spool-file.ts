import { join } from 'node:path';
import { type Disk, isFull, syncDirectory, writeAll } from './disk.ts';

/** `000000.journal`: names sort as they were written. */
export const journalFileName = (index: number): string => `${String(index).padStart(6, '0')}.journal`;
export const journalFilePattern = /^(\d{6,})\.journal$/;

/** First bytes of every journal file; the journal's tag follows. */
export const journalFileTitle = Buffer.from('SALLYPORT-JOURNAL 1\n');

export interface SpoolFileOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly tag: Buffer;
  readonly fsync: boolean;
  /** Blocks that open a new file: which sessions are open still. */
  readonly preamble: () => Buffer;
}

/**
 * Where the journal's bytes go: one file after another, each written at its end only. What a failed append
 * left behind is cut off, so that the bytes may be handed in again; unless the disk was merely full, that is
 * in the next file, since nobody knows what is wrong with this one.
 */
export class SpoolFile {
  readonly #options: SpoolFileOptions;
  #index = 0;
  #path = '';
  #inode = 0;
  #fd: number | undefined;
  #end = 0;

  constructor(options: SpoolFileOptions) {
    this.#options = options;
  }

  /** Bytes in the current file. */
  get bytes(): number {
    return this.#end;
  }

  /** The file is not where it was, alone or with its folder: what is written to it now, no shipper finds. */
  get lost(): boolean {
    const { disk, dir } = this.#options;
    try {
      if (this.#fd === undefined) return !disk.statSync(dir).isDirectory();
      return disk.statSync(this.#path).ino !== this.#inode;
    } catch {
      return true;
    }
  }

  /** Throws the system's error when not all of it is written. */
  append(bytes: Buffer, length: number): void {
    const fd = this.#fd ?? this.#begin();
    try {
      writeAll(this.#options.disk, fd, bytes, length, this.#end);
      this.#end += length;
    } catch (cause) {
      this.#cutOff(fd, isFull(cause));
      throw cause;
    }
  }

  /** Calls `then` when all that was appended so far survives a power failure. */
  sync(then: (cause: NodeJS.ErrnoException | null) => void): void {
    // Without a file, the last one was made durable as it was closed.
    if (this.#fd === undefined) setImmediate(then, null);
    else this.#options.disk.fdatasync(this.#fd, then);
  }

  /** The next append begins a new file. Throws when the old one cannot be made durable. */
  rotate(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    this.#end = 0;
    try {
      if (this.#options.fsync) this.#options.disk.fdatasyncSync(fd);
    } finally {
      this.#options.disk.closeSync(fd);
    }
  }

  #begin(): number {
    const { disk, dir, tag, fsync, preamble } = this.#options;
    // A name is used once: a shipper may be reading what a failed begin left under it.
    const path = join(dir, journalFileName(this.#index++));
    const fd = disk.openSync(path, 'wx', 0o600);
    try {
      const head = Buffer.concat([journalFileTitle, tag, preamble()]);
      writeAll(disk, fd, head, head.length, 0);
      if (fsync) syncDirectory(disk, dir);
      this.#path = path;
      this.#inode = disk.statSync(path).ino;
      this.#fd = fd;
      this.#end = head.length;
      return fd;
    } catch (cause) {
      disk.closeSync(fd);
      disk.unlinkSync(path);
      throw cause;
    }
  }

  /** @param keep the file itself is sound */
  #cutOff(fd: number, keep: boolean): void {
    const { disk } = this.#options;
    try {
      disk.ftruncateSync(fd, this.#end);
      if (keep) return;
    } catch {
      // Its tail is not a whole block, so nobody will take it for one.
    }
    this.#fd = undefined;
    this.#end = 0;
    disk.closeSync(fd);
  }
}
