import { SallyportError } from '#lib/errors.ts';

/** One answer: `send` is the gateway's own, else the other side's, which `learn` is told of before it passes. */
interface Turn {
  readonly send?: () => void;
  readonly learn?: ((answer: Buffer) => void) | undefined;
  /** It was the gateway that asked. */
  readonly swallow?: true;
}

/**
 * Answers to requests carry no number: they come in the order of the requests (RFC 4254 sections 4 and 5.4). An
 * answer of the gateway's own waits for those that the other side owes before it.
 */
export class Replies {
  #waiting: Turn[] = [];
  readonly #limit: number;

  constructor(limit = 4_096) {
    this.#limit = limit;
  }

  /** Nothing is owed. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * The other side owes an answer. Throws `tooMany`: more wait than is reasonable.
   *
   * @param learn told of the answer's payload before it passes
   */
  expect(learn?: (answer: Buffer) => void): void {
    this.#wait({ learn });
  }

  /** The same of an answer that only the gateway has asked for: it does not pass. */
  swallow(learn: (answer: Buffer) => void): void {
    this.#wait({ learn, swallow: true });
  }

  /** Sends an answer of the gateway's in its turn. Throws `tooMany` likewise. */
  answer(send: () => void): void {
    if (this.idle) send();
    else this.#wait({ send });
  }

  /** The other side's answer is here: `send` passes it on. @returns false: nobody has asked for one */
  arrived(answer: Buffer, send: () => void): boolean {
    if (this.idle) return false;
    const turn = this.#waiting.shift()!;
    turn.learn?.(answer);
    if (!turn.swallow) send();
    while (this.#waiting[0]?.send) this.#waiting.shift()!.send!();
    return true;
  }

  /** The other side answers nothing any more: what waits behind its answers is sent. */
  abandon(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { send } of waiting) send?.();
  }

  #wait(turn: Turn): void {
    if (this.#waiting.length >= this.#limit) {
      throw new SallyportError('tooMany', 'too many requests wait for an answer');
    }
    this.#waiting.push(turn);
  }
}
