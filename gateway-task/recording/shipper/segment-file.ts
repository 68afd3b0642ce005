import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EndMark,
  encodeEndMark,
  encodeHead,
  type SegmentHead,
  segmentFileName,
} from '#lib/evidence/segment.ts';
import { compressFrame, maxFrameContentBytes } from '#lib/evidence/zstd-frame.ts';

/** A copy of so much would cost more than the system calls that write it. */
const largeFrameBytes = 64 * 1024;

/**
 * A segment on its way: written under a name that no reader takes for evidence, renamed when its end mark is
 * there. Holds in memory what was not flushed; the file is open only while it is written to.
 */
export class SegmentFile {
  readonly #dir: string;
  readonly #name: string;
  readonly #fsync: boolean;
  readonly #hash: Hash = createHash('sha256');
  #ready: Buffer[] = [];
  #readyBytes = 0;
  /** Records that wait to be compressed together. */
  #raw: Buffer[] = [];
  #rawBytes = 0;
  #flushed = 0;

  constructor(dir: string, head: SegmentHead, fsync: boolean) {
    this.#dir = dir;
    this.#name = segmentFileName(head.index);
    this.#fsync = fsync;
    this.#add(encodeHead(head));
  }

  /** Bytes of the file so far; records that are not compressed yet count in full. */
  get bytes(): number {
    return this.#flushed + this.heldBytes;
  }

  /** Bytes in memory. */
  get heldBytes(): number {
    return this.#readyBytes + this.#rawBytes;
  }

  /** Adds whole records; keeps a copy. */
  addRecords(records: Buffer): void {
    if (this.#rawBytes + records.length > maxFrameContentBytes) this.#compress();
    this.#raw.push(Buffer.from(records));
    this.#rawBytes += records.length;
  }

  /**
   * Adds a frame as it is. Keeps nothing of it: a small one is copied, a large one goes to the disk at once, where {@link flush}
   * says what may go wrong.
   */
  addFrame(frame: Buffer): void {
    this.#compress();
    const large = frame.length >= largeFrameBytes;
    this.#add(large ? frame : Buffer.from(frame));
    if (large) this.#write(false);
  }

  /** Moves what is held to the disk. Throws the system's error: then the segment must be begun anew. */
  flush(): void {
    this.#compress();
    this.#write(false);
  }

  /**
   * Closes the segment and gives it its name. Doing it again after a crash gives a file in the same place.
   * @returns SHA-256 of the whole file
   */
  finish(end: Omit<EndMark, 'sha256'>): string {
    this.#compress();
    this.#add(encodeEndMark({ ...end, sha256: this.#hash.copy().digest('hex') }));
    this.#write(true);
    renameSync(join(this.#dir, `${this.#name}.part`), join(this.#dir, this.#name));
    if (this.#fsync) syncFolder(this.#dir);
    return this.#hash.digest('hex');
  }

  #compress(): void {
    if (this.#rawBytes === 0) return;
    const frame = compressFrame(Buffer.concat(this.#raw, this.#rawBytes));
    this.#raw = [];
    this.#rawBytes = 0;
    this.#add(frame);
  }

  #add(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#ready.push(bytes);
    this.#readyBytes += bytes.length;
  }

  #write(sync: boolean): void {
    if (this.#flushed === 0) mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const fd = openSync(join(this.#dir, `${this.#name}.part`), this.#flushed === 0 ? 'w' : 'r+', 0o600);
    try {
      const bytes = this.#ready.length === 1 ? this.#ready[0]! : Buffer.concat(this.#ready, this.#readyBytes);
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, this.#flushed + done);
      }
      this.#flushed += bytes.length;
      this.#ready = [];
      this.#readyBytes = 0;
      if (sync && this.#fsync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** Makes new names in a folder survive a power failure. */
export function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
