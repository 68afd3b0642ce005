import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

const firstPauseMs = 250;
const maxPauseMs = 30_000;
/** A shipper that has run for so long did not fail at once: the next pause is short again. */
const steadyMs = 60_000;

export interface ShipperProcessOptions {
  readonly spoolDir: string;
  readonly recordingsDir: string;
  readonly log: Logger;
  /** Sealed segments must survive a power failure before the spool forgets them. */
  readonly fsync?: boolean;
}

/** Keeps a shipper running beside the gateway. */
export class ShipperProcess {
  readonly #options: ShipperProcessOptions;
  #child: ChildProcess | undefined;
  #finishing = false;
  #pauseMs = firstPauseMs;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: ShipperProcessOptions) {
    this.#options = options;
  }

  static start(options: ShipperProcessOptions): ShipperProcess {
    const shipper = new ShipperProcess(options);
    shipper.#spawn();
    return shipper;
  }

  /** Process id of the shipper that runs now; undefined between two. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Tells the shipper that nothing more will come (the journal is closed) and waits until it has shipped
   * everything. One that takes longer than `deadlineMs` is left to finish on its own.
   */
  async finish(deadlineMs = 20_000): Promise<void> {
    this.#finishing = true;
    clearTimeout(this.#timer);
    // Between two shippers: the last work still wants one.
    const child = this.#child ?? this.#spawn();
    child.stdin?.end();
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>(resolve => {
      const timer = setTimeout(() => {
        this.#options.log.warn(
          { pid: child.pid },
          'the shipper is not done yet; it goes on without the gateway',
        );
        child.unref();
        resolve();
      }, deadlineMs);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #spawn(): ChildProcess {
    const { spoolDir, recordingsDir, fsync, log } = this.#options;
    const args = ['--spool', spoolDir, '--recordings', recordingsDir, ...(fsync ? ['--fsync'] : [])];
    const startedAt = performance.now();
    // Detached: what a terminal or a supervisor sends to the gateway's process group must not end it.
    const child = spawn(process.execPath, [entry(), ...args], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    this.#child = child;
    child.stdin?.on('error', () => {
      // It is gone; its exit says so.
    });
    child.on('error', cause => log.error({ err: cause }, 'the shipper could not be started'));
    child.on('close', (code, signal) => {
      this.#child = undefined;
      if (this.#finishing) return;
      if (performance.now() - startedAt > steadyMs) this.#pauseMs = firstPauseMs;
      log.error({ code, signal, pauseMs: this.#pauseMs }, 'the shipper ended and is started again');
      this.#timer = setTimeout(() => this.#spawn(), this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
    });
    return child;
  }
}

/** Beside this file in the sources, beside the bundle when built. */
function entry(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith('.ts') ? './shipper/main.ts' : './shipper.mjs', here));
}
