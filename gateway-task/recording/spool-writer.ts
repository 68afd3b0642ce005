import { Backlog } from './backlog.ts';
import { type Disk, isFull } from './disk.ts';
import type { OpenSessions } from './open-sessions.ts';
import type { Pressure } from './pressure.ts';
import { Reserve } from './reserve.ts';
import { SpoolFile } from './spool-file.ts';

const probeMs = 250;
const watchMs = 1_000;

export interface SpoolWriterOptions {
  readonly disk: Disk;
  /** The task's own folder in the spool. */
  readonly dir: string;
  readonly fsync: boolean;
  readonly tag: Buffer;
  readonly sessions: OpenSessions;
  readonly pressure: Pressure;
  /** Calls {@link SpoolWriter.write} with whatever was taken since the last call. */
  readonly drain: () => void;
  /** The disk refuses what it is given, with this. Called again for every try that fails. */
  readonly onFailure: (cause: unknown) => void;
  /** All that was kept is written, and more is taken. */
  readonly onRecovery: () => void;
}

/**
 * The journal's way to the disk. What the disk refuses is kept and handed in again, unchanged and in order, until it
 * is taken: nothing is lost while there is memory. A reserve is given up for what is in hand when the disk is full.
 */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  readonly #file: SpoolFile;
  readonly #reserve: Reserve;
  readonly #backlog = new Backlog();
  readonly #watchTimer: NodeJS.Timeout;
  #probeTimer: NodeJS.Timeout | undefined;
  #syncing = false;
  #writable = true;

  /** Sets the reserve aside. Throws the system's error. */
  constructor(options: SpoolWriterOptions) {
    const { disk, dir, fsync, tag, sessions } = options;
    this.#options = options;
    this.#reserve = new Reserve(disk, dir);
    this.#reserve.hold();
    this.#file = new SpoolFile({ disk, dir, fsync, tag, preamble: () => sessions.blocks(tag) });
    this.#watchTimer = setInterval(() => this.#watch(), watchMs).unref();
  }

  /** The disk takes what is written. */
  get writable(): boolean {
    return this.#writable;
  }

  /** So much is kept that no more may be handed over. */
  get full(): boolean {
    return this.#backlog.full;
  }

  /** Puts the first `length` bytes, whole blocks, into the file, or keeps a copy for later. */
  write(blocks: Buffer, length: number): void {
    if (!this.#writable) {
      this.#backlog.keep(blocks, length);
      return;
    }
    try {
      this.#append(blocks, length);
      this.#options.sessions.settle();
    } catch (cause) {
      this.#backlog.keep(blocks, length);
      this.#fail(cause);
    }
  }

  /** Calls `then` when all that was written so far survives a power failure, or with why it does not. One at a time. */
  sync(then: (cause: unknown) => void): void {
    this.#syncing = true;
    this.#file.sync(failed => {
      this.#syncing = false;
      const cause = failed ?? (this.#file.lost ? this.#lost() : null);
      if (cause !== null) {
        this.#giveUpFile();
        this.#fail(cause);
      }
      then(cause);
    });
  }

  /** Begins a new file where the current one is large enough for the shipper to give back. */
  rotateWhenFull(): void {
    if (this.#syncing || this.#file.bytes < this.#options.pressure.rotateBytes) return;
    try {
      this.#file.rotate();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** Hands in what is kept and lets go of the file; nothing is written afterwards. Throws the system's error. */
  close(): void {
    clearInterval(this.#probeTimer);
    clearInterval(this.#watchTimer);
    this.#writable = false;
    try {
      this.#hand();
      this.#file.rotate();
    } finally {
      this.#reserve.release();
    }
  }

  #append(blocks: Buffer, length: number): void {
    this.#file.append(blocks, length);
    this.#options.pressure.add(length);
  }

  /** Hands the kept bytes in again, in order, and all that was taken since. Throws the system's error. */
  #hand(): void {
    // While nothing is written it is kept, behind the rest: openings and ends in it may count as written then.
    this.#options.drain();
    this.#backlog.hand(bytes => this.#append(bytes, bytes.length));
    this.#options.sessions.settle();
  }

  #fail(cause: unknown): void {
    if (this.#writable) {
      this.#writable = false;
      this.#probeTimer = setInterval(() => this.#probe(), probeMs).unref();
    }
    this.#options.onFailure(cause);
    if (isFull(cause) && this.#reserve.release()) {
      // The reserve is for this: what is in hand already. Nobody is told that it was written.
      try {
        this.#hand();
      } catch {
        // Still no room: the next probe tries again.
      }
    }
  }

  #probe(): void {
    try {
      this.#hand();
      this.#reserve.hold();
    } catch (cause) {
      this.#options.onFailure(cause);
      return;
    }
    clearInterval(this.#probeTimer);
    this.#writable = true;
    this.#options.onRecovery();
  }

  /** A folder that was taken away takes every write still, and is no evidence. */
  #watch(): void {
    // While the disk is asked to keep it, whoever waits for that is told.
    if (!this.#writable || this.#syncing || !this.#file.lost) return;
    this.#giveUpFile();
    this.#fail(this.#lost());
  }

  #lost(): Error {
    // It was in that folder: a probe that makes it again shows that the folder is back.
    this.#reserve.release();
    return new Error('the journal is not where it was');
  }

  /** After a failed sync nobody knows what the disk has of the file. */
  #giveUpFile(): void {
    try {
      this.#file.rotate();
    } catch {
      // It was failing already; the next append begins a new one.
    }
  }
}
