import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskSpool, type TaskSpoolOptions } from './task-spool.ts';

const passMs = 250;
/** Rounds after the gateway's end in which a task that seems to write still may turn out to be over. */
const lastPasses = 8;
/** Longest wait after a failure. */
const maxPauseMs = 10_000;
const maxHeldBytes = 32 * 1024 * 1024;

export interface ShipperOptions {
  readonly spoolDir: string;
  readonly recordingsDir: string;
  readonly fsync: boolean;
  readonly onFault: TaskSpoolOptions['onFault'];
  readonly nowMs?: () => number;
}

/**
 * Moves what the spool holds into the recordings, for every task that writes or wrote there. All it knows is
 * on the disk: after a failure it forgets everything and looks again.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  #tasks = new Map<string, TaskSpool>();

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  /**
   * Ships until `orphaned` says that the gateway is gone and nothing of a task that is over is left. What
   * fails is tried again for as long as it takes.
   */
  async run(orphaned: () => boolean): Promise<void> {
    let pauseMs = passMs;
    let passesLeft = lastPasses;
    for (;;) {
      const last = orphaned();
      try {
        const writing = await this.pass();
        // A process that dies lets go of its pipe a moment before its locks. Another gateway has its own shipper.
        if (last && (writing === 0 || --passesLeft === 0)) return;
        pauseMs = passMs;
      } catch (cause) {
        this.abandon();
        // Somebody took the spool itself away after the gateway: nothing is left to ship.
        if (last && !existsSync(this.#options.spoolDir)) return;
        this.#options.onFault('shipping failed and will be tried again', { err: cause });
        pauseMs = Math.min(pauseMs * 2, maxPauseMs);
      }
      await sleep(pauseMs);
    }
  }

  /**
   * One round over all tasks. Throws what the system says.
   * @returns how many tasks still write
   */
  async pass(): Promise<number> {
    const names = readdirSync(this.#options.spoolDir, { withFileTypes: true });
    const folders = names.filter(entry => entry.isDirectory() && !entry.name.startsWith('.'));
    let writing = 0;
    for (const { name } of folders) {
      const task = this.#tasks.get(name) ?? this.#add(name);
      const over = task.over();
      for (const _ of task.ship(over)) await new Promise(setImmediate);
      if (over) this.#tasks.delete(name);
      else writing++;
    }
    return writing;
  }

  /** Lets go of everything. */
  abandon(): void {
    for (const task of this.#tasks.values()) task.abandon();
    this.#tasks = new Map();
  }

  #add(name: string): TaskSpool {
    const { spoolDir, recordingsDir, fsync, onFault, nowMs } = this.#options;
    const task = new TaskSpool({
      dir: join(spoolDir, name),
      recordingsDir,
      fsync,
      onFault,
      nowMs: nowMs ?? (() => performance.now()),
      maxHeldBytes,
    });
    this.#tasks.set(name, task);
    return task;
  }
}
