import { once } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Stage } from '#cli/replay/play/player.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const stopKey = '\x03';

/** The terminal that the program runs in. A signal that would end the program is the key that ends the play. */
export class TtyStage implements Stage {
  readonly #in: ReadStream | undefined;
  readonly #out: WriteStream;
  readonly #keys: string[] = [];
  #wake: (() => void) | undefined;

  /** @param input undefined: there is no keyboard */
  constructor(output: WriteStream, input: ReadStream | undefined) {
    this.#out = output;
    this.#in = input;
    input?.setRawMode(true);
    input?.on('data', this.#onData).resume();
    for (const signal of signals) process.on(signal, this.#onSignal);
  }

  async write(text: string): Promise<void> {
    if (text !== '' && !this.#out.write(text)) await once(this.#out, 'drain');
  }

  async wait(ms: number | undefined): Promise<string | undefined> {
    if (this.#keys.length === 0) {
      await new Promise<void>(resolve => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    return this.#keys.shift();
  }

  now(): number {
    return performance.now();
  }

  /** Gives keyboard and signals back. */
  close(): void {
    this.#in?.off('data', this.#onData).pause();
    this.#in?.setRawMode(false);
    for (const signal of signals) process.off(signal, this.#onSignal);
  }

  readonly #onData = (data: Buffer): void => this.#press(data.toString('latin1'));

  readonly #onSignal = (): void => this.#press(stopKey);

  #press(key: string): void {
    // Whoever leans on a key is obeyed for some of it.
    if (this.#keys.length < 64) this.#keys.push(key);
    this.#wake?.();
  }
}
