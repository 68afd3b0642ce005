import { readdirSync, rmSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ProcessLock, writerLockName } from '../process-lock.ts';
import { journalFileName, journalFilePattern } from '../spool-file.ts';
import { JournalReader } from './journal-reader.ts';
import { SessionSegments } from './session-segments.ts';

const lostReason = 'the gateway task ended without closing the session';

export interface TaskSpoolOptions {
  readonly dir: string;
  readonly recordingsDir: string;
  readonly fsync: boolean;
  readonly nowMs: () => number;
  readonly onFault: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Bytes that all open segments together may hold in memory. */
  readonly maxHeldBytes: number;
}

/** One run of a task: its folder in the spool, from the first block to its removal. */
export class TaskSpool {
  readonly #options: TaskSpoolOptions;
  readonly #task: string;
  readonly #sessions = new Map<string, SessionSegments>();
  /** Sessions with a segment open. */
  readonly #open = new Set<SessionSegments>();
  /** Of the file that is being read. */
  #journal: { readonly file: number; readonly reader: JournalReader } | undefined;
  /** The last file that was read to its end. */
  #passed = -1;
  #lock: ProcessLock | undefined;

  constructor(options: TaskSpoolOptions) {
    this.#options = options;
    // The folder is the task's id, a dot and what tells one run from the next.
    this.#task = basename(options.dir).replace(/\.[0-9a-f]+$/, '');
  }

  /** Is the task over? Asks the kernel, once for good when it is. */
  over(): boolean {
    this.#lock ??= ProcessLock.take(join(this.#options.dir, writerLockName));
    return this.#lock !== undefined;
  }

  /** Stops without finishing; what is not sealed is read again by whoever comes next. */
  abandon(): void {
    this.#closeJournal();
    this.#lock?.release();
    this.#lock = undefined;
  }

  /**
   * Ships what is there. `over` must have been asked before: only then is the end of the file the end.
   * @yields between portions of work
   */
  *ship(over: boolean): Generator<void, void, void> {
    for (;;) {
      const files = this.#list().filter(file => file > this.#passed);
      const file = files[0];
      if (file === undefined) break;
      // Judged before reading: what is complete now grows no more.
      const complete = over || files.length > 1;
      yield* this.#read(this.#reader(file), file, complete);
      if (!complete) break;
      this.#closeJournal();
      this.#passed = file;
    }
    const nowMs = this.#options.nowMs();
    for (const session of this.#open) {
      session.closeWhenDue(nowMs);
      if (session.journalFile === undefined) this.#open.delete(session);
    }
    if (over) {
      for (const session of this.#sessions.values()) session.lose(lostReason, nowMs);
      this.#remove();
    } else {
      this.#dropPassed();
    }
  }

  /** A file that is seen once may be gone the next time: one that could not be begun is taken away again. */
  #reader(file: number): JournalReader {
    if (this.#journal?.file !== file) {
      this.#closeJournal();
      this.#journal = { file, reader: new JournalReader(join(this.#options.dir, journalFileName(file))) };
    }
    return this.#journal.reader;
  }

  #closeJournal(): void {
    this.#journal?.reader.close();
    this.#journal = undefined;
  }

  *#read(journal: JournalReader, file: number, complete: boolean): Generator<void, void, void> {
    let portion = 0;
    const { dir, onFault } = this.#options;
    const blocks = journal.blocks(complete, (from, to) =>
      onFault('the journal is damaged', { dir, file, from, to }),
    );
    for (const { header, body } of blocks) {
      const session = this.#session(header.session);
      session.take(header, body, file, this.#options.nowMs());
      if (session.journalFile === undefined) this.#open.delete(session);
      else this.#open.add(session);
      portion += body.length;
      if (portion > 1024 * 1024) {
        portion = 0;
        this.#bound();
        yield;
      }
    }
    this.#bound();
  }

  #session(uuid: Buffer): SessionSegments {
    const hex = uuid.toString('hex');
    const known = this.#sessions.get(hex);
    if (known !== undefined) return known;
    const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const session = new SessionSegments({
      recordingsDir: this.#options.recordingsDir,
      session: id,
      task: this.#task,
      fsync: this.#options.fsync,
      onFault: (message, fault) => this.#options.onFault(message, { session: id, err: fault }),
    });
    this.#sessions.set(hex, session);
    return session;
  }

  #bound(): void {
    let held = 0;
    for (const session of this.#open) held += session.heldBytes;
    if (held > this.#options.maxHeldBytes) for (const session of this.#open) session.flush();
  }

  /** Deletes the files that are read and of which everything is sealed. */
  #dropPassed(): void {
    const first = this.#list()[0];
    if (first === undefined || first > this.#passed) return;
    let needed = this.#passed + 1;
    for (const session of this.#open) needed = Math.min(needed, session.journalFile ?? needed);
    for (const file of this.#list()) {
      if (file < needed) unlinkSync(join(this.#options.dir, journalFileName(file)));
    }
    for (const [id, session] of this.#sessions) if (session.done) this.#sessions.delete(id);
  }

  /** Everything is in the recordings. The newest file goes last: it alone names the sessions that must end. */
  #remove(): void {
    for (const file of this.#list()) unlinkSync(join(this.#options.dir, journalFileName(file)));
    this.#lock?.release();
    this.#lock = undefined;
    rmSync(this.#options.dir, { recursive: true, force: true });
  }

  #list(): number[] {
    const files = readdirSync(this.#options.dir).flatMap(name => {
      const match = journalFilePattern.exec(name);
      return match ? [Number(match[1])] : [];
    });
    return files.sort((a, b) => a - b);
  }
}
