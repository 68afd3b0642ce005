import { randomBytes } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '#lib/errors.ts';
import type { OpenRecord, SessionHead } from '#lib/evidence/session.ts';
import { tagBytes } from './block.ts';
import { type Disk, realDisk } from './disk.ts';
import { GatherPool } from './gather.ts';
import { type Intake, JournaledSession } from './journaled-session.ts';
import { OpenSessions } from './open-sessions.ts';
import { Pressure } from './pressure.ts';
import { ProcessLock, writerLockName } from './process-lock.ts';
import type { SessionRecorder } from './recorder.ts';
import { SpoolWriter } from './spool-writer.ts';
import { TurnBuffer } from './turn-buffer.ts';

const turnBufferBytes = 1024 * 1024;
/** So much of lazily held bytes goes out at once. */
const lazyBytes = 256 * 1024;
const lazyMs = 1_000;

export interface JournalOptions {
  /** The spool folder, shared by every task that ships from here. */
  readonly dir: string;
  readonly taskId: string;
  /** Bytes not yet shipped from which on sessions are slowed down. */
  readonly maxBytes: number;
  /** Answer only when the disk has it: for disks that outlive the machine. */
  readonly fsync: boolean;
  /** Monotonic nanoseconds. */
  readonly now?: () => number;
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number;
  readonly disk?: Disk;
}

type Then = (failure?: SallyportError) => void;

/**
 * The task's journal: all records of all its sessions, in the order in which they were taken. What one
 * event-loop turn brings goes out in one write, and then that turn's callers are told. A failed write loses
 * nothing: its bytes are kept and handed in again, unchanged, until the disk takes them, so a record may be
 * in the journal though its caller was told that it may not count on it, never the other way round.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #writer: SpoolWriter;
  readonly #lock: ProcessLock;
  readonly #turn: TurnBuffer;
  readonly #sessions = new OpenSessions();
  readonly #pressure: Pressure;
  readonly #intake: Intake;
  readonly #gathering = new Set<JournaledSession>();
  readonly #now: () => number;
  #relief: (() => void)[] = [];
  #due: JournaledSession[] = [];
  #waiting: Then[] = [];
  #unsynced: Then[] = [];
  #syncing: Promise<void> | undefined;
  #scheduled = false;
  #lazyTimer: NodeJS.Timeout | undefined;
  /** Why this turn's callers must not go on. */
  #failure: SallyportError | undefined;
  #closed = false;

  private constructor(options: JournalOptions, dir: string, lock: ProcessLock) {
    const tag = randomBytes(tagBytes);
    this.#options = options;
    this.#lock = lock;
    this.#now = options.now ?? monotonicNs;
    this.#pressure = new Pressure(options.dir, options.maxBytes, () => this.#relieve());
    this.#writer = new SpoolWriter({
      disk: options.disk ?? realDisk,
      dir,
      fsync: options.fsync,
      tag,
      sessions: this.#sessions,
      pressure: this.#pressure,
      drain: () => this.#write(),
      onFailure: cause => {
        this.#failure = unavailable(cause);
      },
      onRecovery: () => {
        // Callers of a turn that is not over yet are told of the failure that was in it.
        if (!this.#scheduled) this.#failure = undefined;
        this.#relieve();
      },
    });
    const turn = new TurnBuffer(turnBufferBytes, tag, this.#now, () => this.#write());
    this.#turn = turn;
    this.#intake = this.#makeIntake(turn);
  }

  /** Makes the task's folder and its reserve. Throws `evidenceUnavailable`. */
  static async open(options: JournalOptions): Promise<Journal> {
    // A name of its own for every run: a task id that is used again meets nothing of the run before.
    const name = `${options.taskId}.${randomBytes(8).toString('hex')}`;
    const dir = join(options.dir, name);
    // Until it is locked, a shipper would take the folder for one whose task is over: it passes over dots.
    const unlocked = join(options.dir, `.${name}`);
    let lock: ProcessLock | undefined;
    try {
      await mkdir(options.dir, { recursive: true, mode: 0o700 });
      // By itself: where both are made at once, Node says ENOENT, whatever the reason.
      await mkdir(unlocked, { mode: 0o700 });
      lock = ProcessLock.take(join(unlocked, writerLockName));
      if (lock === undefined) throw new Error('another process holds the lock of a folder just made');
      await rename(unlocked, dir);
      return new Journal(options, dir, lock);
    } catch (cause) {
      lock?.release();
      throw unavailable(cause);
    }
  }

  /** The disk takes what is written: what readiness reports. */
  get writable(): boolean {
    return this.#writer.writable;
  }

  /** More is unshipped than may be, or the disk takes nothing: stop reading from both sides. */
  get pressure(): boolean {
    return this.#pressure.on || !this.#writer.writable;
  }

  /** Bytes written and, as far as known, not shipped yet. */
  get unshippedBytes(): number {
    return this.#pressure.bytes;
  }

  /** Calls back once, when there is no pressure; at once if there is none. */
  onRelief(then: () => void): void {
    if (this.pressure) this.#relief.push(then);
    else then();
  }

  /**
   * Begins the recording of a session. `id` is a UUID in lower case, new to this task. The open record is in
   * the journal when the recorder's `whenDurable` says so.
   */
  openSession(id: string, head: SessionHead): SessionRecorder {
    if (this.#closed) throw new TypeError('the journal is closed');
    const state = this.#sessions.add(id, this.#now());
    const open: OpenRecord = {
      ...head,
      session: id,
      task: this.#options.taskId,
      startedAt: (this.#options.wallClock ?? Date.now)(),
    };
    return new JournaledSession(state, this.#intake, JSON.stringify(open));
  }

  /** Writes what is in hand and lets go of the folder. Throws `evidenceUnavailable` when the disk refuses it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of this.#gathering) session.drain();
    this.#endTurn();
    while (this.#syncing !== undefined) await this.#syncing;
    clearTimeout(this.#lazyTimer);
    this.#pressure.stop();
    // Whoever still records is told that nothing is written any more.
    this.#failure = unavailable(new Error('the journal is closed'));
    try {
      this.#writer.close();
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      this.#lock.release();
    }
  }

  #makeIntake(turn: TurnBuffer): Intake {
    const journal = this;
    return {
      turn,
      pool: new GatherPool(),
      gathering: this.#gathering,
      get pressure() {
        return journal.pressure;
      },
      get failing() {
        return !journal.writable;
      },
      now: this.#now,
      admit: () => {
        if (this.#writer.full) throw this.#failure ?? unavailable(undefined);
      },
      wake: () => this.#schedule(),
      wakeWith: session => {
        this.#due.push(session);
      },
      wakeLazily: () => this.#lazily(),
      whenDurable: then => {
        this.#waiting.push(then);
        this.#schedule();
      },
      onRelief: then => this.onRelief(then),
      ended: state => this.#sessions.end(state),
    };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#endTurn);
  }

  #lazily(): void {
    if (this.#turn.used > lazyBytes) this.#write();
    this.#lazyTimer ??= setTimeout(this.#endLazyTime, lazyMs).unref();
  }

  readonly #endLazyTime = (): void => {
    this.#lazyTimer = undefined;
    for (const session of this.#gathering) session.drain();
    this.#write();
  };

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    if (this.#due.length > 0) {
      for (const session of this.#due) session.drain();
      this.#due = [];
    }
    this.#write();
    const waiting = this.#waiting;
    this.#waiting = [];
    const failure = this.#failure;
    if (this.writable) this.#failure = undefined;
    if (failure === undefined && this.#options.fsync) {
      this.#unsynced.push(...waiting);
      this.#sync();
    } else {
      tell(waiting, failure);
    }
    this.#writer.rotateWhenFull();
  };

  /** Puts the turn's blocks into the file, or keeps them for later. */
  #write(): void {
    const turn = this.#turn;
    turn.seal();
    const { used } = turn;
    if (used === 0) return;
    // Before it is written: a writer that fails asks for what is left in it.
    turn.clear();
    this.#writer.write(turn.buffer, used);
  }

  #relieve(): void {
    if (this.pressure) return;
    const waiting = this.#relief;
    this.#relief = [];
    for (const then of waiting) then();
  }

  #sync(): void {
    if (this.#syncing !== undefined || this.#unsynced.length === 0) return;
    const batch = this.#unsynced;
    this.#unsynced = [];
    this.#syncing = new Promise(resolve => {
      this.#writer.sync(cause => {
        this.#syncing = undefined;
        // What was written meanwhile went into the same file.
        if (cause === null) tell(batch, undefined);
        else tell([...batch, ...this.#unsynced.splice(0)], this.#failure);
        this.#writer.rotateWhenFull();
        this.#sync();
        resolve();
      });
    });
  }
}

const monotonicNs = (): number => Math.round(performance.now() * 1e6);

function tell(waiting: readonly Then[], failure: SallyportError | undefined): void {
  for (const then of waiting) {
    try {
      then(failure);
    } catch (cause) {
      // A caller's own mistake is not the next caller's: it goes where uncaught errors go.
      process.nextTick(() => {
        throw cause;
      });
    }
  }
}

function unavailable(cause: unknown): SallyportError {
  return new SallyportError('evidenceUnavailable', 'the session cannot be recorded now, so nothing runs', {
    hint: 'Try again in a moment; if it stays, tell the people who run the gateway that its spool is not writable.',
    cause,
  });
}
