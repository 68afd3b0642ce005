import { DatabaseSync } from 'node:sqlite';

/** In a task's folder: held while its journal is open; free: the task is over. */
export const writerLockName = 'writer.lock';
/** In the spool folder: held by the one shipper that works there. */
export const shipperLockName = 'shipper.lock';

/**
 * A lock that dies with its process, SIGKILL included: the kernel drops it, so there is no stale file to judge.
 * The file is an empty SQLite database, since that is the one way to a file lock in Node.js itself.
 */
export class ProcessLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Undefined: another process, or another part of this one, holds it. Throws when the file cannot be made. */
  static take(path: string): ProcessLock | undefined {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
      return new ProcessLock(database);
    } catch (cause) {
      database.close();
      if (isBusy(cause)) return undefined;
      throw cause;
    }
  }

  release(): void {
    this.#database.close();
  }
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
function isBusy(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'errcode' in cause && cause.errcode === 5;
}
