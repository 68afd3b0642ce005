/** The gateway as its own process, as it is deployed, and the means to kill it and start it again. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type Exit, startChild } from './child.ts';
import { rotateLog } from './files.ts';

export interface GatewayOptions {
  /** The built task. */
  readonly file: string;
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Base of the health port. */
  readonly healthUrl: string;
  readonly logFile: string;
}

const readyWithinMs = 20_000;
const pollMs = 25;
/** Statements in flight may finish for a minute in production; here, whoever says stop does not wait so long. */
const stopWaitMs = 2500;

/** The gateway ended, or did not become ready. */
export class GatewayFailed extends Error {
  override readonly name = 'GatewayFailed';
}

/**
 * What the gateway's Node.js is started with, here and in a container alike; it can only be said on the command line.
 *
 * - V8's second compiler takes over half a gigabyte and a second of the event loop for one function of the grammars,
 *   and the first one's code is no slower to parse with.
 * - Buffers lie outside V8's heap. By default 64 MB of them start a collection of all of it, which was four tenths of the
 *   CPU of an upload. Counted within the heap's own limit they start fewer; that limit grows by a quarter at a time, or
 *   a large value would take several times as much memory (docs/performance.md).
 */
export const gatewayFlags: readonly string[] = [
  '--liftoff-only',
  '--external-memory-accounted-in-global-limit',
  '--heap-growing-percent=25',
];

export class GatewayProcess {
  readonly #options: GatewayOptions;
  #child: Child | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.running() ? this.#child.pid : undefined;
  }

  /**
   * Starts it and waits until it takes sessions.
   *
   * @param env beside the usual environment, for this run
   * @throws GatewayFailed
   */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#child?.running()) throw new TypeError('the gateway runs already');
    const { file, cwd, logFile } = this.#options;
    await rotateLog(logFile);
    const child = await startChild({
      command: process.execPath,
      args: [...gatewayFlags, file],
      cwd,
      env: { ...this.#options.env, ...env },
      logFile,
      endSignal: 'SIGTERM',
    });
    this.#child = child;
    await this.#untilReady(child);
  }

  /** SIGKILL: nothing that it had in memory survives. */
  async kill(): Promise<Exit> {
    if (this.#child === undefined) throw new TypeError('the gateway was never started');
    return this.#child.stop(['SIGKILL'], 5000);
  }

  /** Asks it to end, and insists after some seconds. */
  async stop(): Promise<void> {
    // The second signal ends its sessions, by its own rule; SIGKILL comes after that.
    await this.#child?.stop(['SIGTERM', 'SIGTERM'], stopWaitMs);
  }

  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stop();
    await this.start(env);
  }

  /** Settles when the present process ends, for whatever reason. */
  get exited(): Promise<Exit> {
    if (this.#child === undefined) throw new TypeError('the gateway was never started');
    return this.#child.exited;
  }

  async #untilReady(child: Child): Promise<void> {
    const deadline = Date.now() + readyWithinMs;
    let reasons = 'it does not answer';
    while (child.running() && Date.now() < deadline) {
      try {
        const response = await fetch(`${this.#options.healthUrl}/ready`, {
          signal: AbortSignal.timeout(1000),
        });
        if (response.ok) return;
        reasons = (await response.text()).trim();
      } catch {
        // Not listening yet.
      }
      await sleep(pollMs);
    }
    const ended = !child.running();
    await this.stop();
    const why = ended ? 'the gateway ended at its start' : `the gateway is not ready: ${reasons}`;
    throw new GatewayFailed(`${why} (its log, ${this.#options.logFile}: ${await this.#lastWords()})`);
  }

  /** The message of the last error in its log, or else its last line. */
  async #lastWords(): Promise<string> {
    const lines = (await readFile(this.#options.logFile, 'utf8').catch(() => '')).trim().split('\n');
    const last = lines.at(-1) ?? '';
    try {
      const { msg, err } = JSON.parse(last) as { msg?: string; err?: { message?: string } };
      return [msg, err?.message].filter(Boolean).join(': ');
    } catch {
      return last;
    }
  }
}
