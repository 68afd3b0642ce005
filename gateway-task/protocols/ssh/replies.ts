/**
 * Answers to requests carry no number: they come in the order of the requests (RFC 4254 sections 4 and 5.4). An
 * answer of the gateway's own waits for those that the other side owes before it.
 */
export class Replies {
  /** `undefined`: the other side answers. */
  readonly #waiting: ((() => void) | undefined)[] = [];
  readonly #limit: number;

  constructor(limit = 4_096) {
    this.#limit = limit;
  }

  /** Nothing is owed. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** @returns false: more requests wait for an answer than is reasonable */
  expect(): boolean {
    this.#waiting.push(undefined);
    return this.#waiting.length <= this.#limit;
  }

  /** Sends an answer of the gateway's in its turn. */
  answer(send: () => void): void {
    if (this.idle) send();
    else this.#waiting.push(send);
  }

  /** The other side's answer is here: `send` passes it on. @returns false: nobody has asked for one */
  arrived(send: () => void): boolean {
    if (this.idle) return false;
    this.#waiting.shift();
    send();
    while (this.#waiting[0] !== undefined) this.#waiting.shift()!();
    return true;
  }
}
