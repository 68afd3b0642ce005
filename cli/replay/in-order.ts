import type { Events, TranscriptEvent } from '#cli/replay/events.ts';

/** Events held back at most; whoever sends more notices during one statement sees some of them before it. */
const maxHeld = 1_000;

/**
 * Puts events in the order of their times. A statement is told when its answer is complete, with the time at
 * which it was asked: whatever happened meanwhile waits for it.
 */
export class InOrder {
  readonly #pendingSince: () => number | undefined;
  readonly #held: TranscriptEvent[] = [];

  /** @param pendingSince when the oldest statement that is still to come was asked, nanoseconds */
  constructor(pendingSince: () => number | undefined) {
    this.#pendingSince = pendingSince;
  }

  async *pass(events: Events): AsyncGenerator<TranscriptEvent, void, void> {
    for await (const event of events) {
      if (event.kind === 'statement') yield event;
      else this.#held.push(event);
      yield* this.#release();
    }
    yield* this.#release();
  }

  *#release(): Generator<TranscriptEvent, void, void> {
    const since = this.#pendingSince() ?? Number.POSITIVE_INFINITY;
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      if (next.atNs >= since && this.#held.length <= maxHeld) return;
      yield next;
      this.#held.shift();
    }
  }
}
