import type { Histogram } from 'prom-client';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import type { SallyportError } from '#lib/errors.ts';
import type { Legs } from './legs.ts';

/** One turn in so many is measured. */
const measuredTurns = 64;

/**
 * Client to target: bytes wait here until what was recorded in this turn is in the journal, and then go out
 * as few writes as they came in. One session has at most one turn waiting; no promise, timer or closure is
 * made for a message.
 */
export class Forwarder {
  readonly #recorder: SessionRecorder;
  readonly #legs: Legs;
  /** Neighbours in one chunk are joined instead of listed. */
  #waiting: Buffer[] = [];
  #asked = false;
  #failed = false;
  #targetBlocked = false;
  #relief = false;
  readonly #journalSeconds: Pick<Histogram, 'observe'>;
  #turns = 0;
  /** When the turn that is measured began; 0: this one is not. */
  #begun = 0;

  constructor(recorder: SessionRecorder, legs: Legs, journalSeconds: Pick<Histogram, 'observe'>) {
    this.#recorder = recorder;
    this.#legs = legs;
    this.#journalSeconds = journalSeconds;
    legs.target.on('drain', this.#onDrain);
  }

  /** @param ahead policy lets the record come later, if nothing waits that must go first. */
  forward(bytes: Buffer, ahead: boolean): void {
    if (this.#failed) return;
    if (ahead && this.#waiting.length === 0) {
      this.#write(bytes);
      return;
    }
    const last = this.#legs.targetFrames ? undefined : this.#waiting.at(-1);
    if (last && last.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      this.#waiting[this.#waiting.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + bytes.length,
      );
    } else {
      this.#waiting.push(bytes);
    }
    if (!this.#asked) {
      this.#asked = true;
      this.#turns += 1;
      if (this.#turns % measuredTurns === 1) this.#begun = performance.now();
      this.#recorder.whenDurable(this.#onDurable);
    }
    if (this.#recorder.pressure) this.waitForRelief();
  }

  /** Calls back when nothing waits here. */
  after(then: () => void): void {
    if (this.#asked) this.#recorder.whenDurable(() => then());
    else then();
  }

  /**
   * The spool is full: neither side is read until the shipper has caught up. Where the disk takes nothing, the
   * client is read: what it asks is refused, and it is told so.
   */
  waitForRelief(): void {
    if (this.#relief) return;
    this.#relief = true;
    const slow = !this.#recorder.failing;
    if (slow) this.#legs.holdClient(true);
    this.#legs.holdTarget(true);
    this.#recorder.onRelief(() => {
      this.#relief = false;
      if (slow) this.#legs.holdClient(false);
      this.#legs.holdTarget(false);
    });
  }

  readonly #onDurable = (failure?: SallyportError): void => {
    this.#asked = false;
    if (this.#begun > 0) {
      this.#journalSeconds.observe((performance.now() - this.#begun) / 1_000);
      this.#begun = 0;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    if (failure) {
      this.#failed = true;
      this.#legs.fail(failure);
      return;
    }
    if (waiting.length === 1) {
      this.#write(waiting[0]!);
      return;
    }
    this.#legs.target.cork();
    for (const bytes of waiting) this.#write(bytes);
    this.#legs.target.uncork();
  };

  #write(bytes: Buffer): void {
    if (this.#legs.target.write(bytes) || this.#targetBlocked) return;
    this.#targetBlocked = true;
    this.#legs.holdClient(true);
  }

  readonly #onDrain = (): void => {
    this.#targetBlocked = false;
    this.#legs.holdClient(false);
  };
}
