/** How long what the server said is taken to hold: others may make schemas and functions at any moment. */
export const maxAgeMs = 60_000;

/**
 * A pipeline cannot be interrupted by a question: what held as it began holds in it, for so long. Far longer than
 * programs leave one open, but no leave for ever.
 */
export const maxPipelineMs = 600_000;

/**
 * @param now monotonic milliseconds
 * @param pipelineSince when the pipeline began that the server cannot be asked in; undefined: it can
 * @returns what was learnt before then is old
 */
export function oldestAt(now: number, pipelineSince: number | undefined): number {
  return Math.max(pipelineSince ?? now, now - maxPipelineMs) - maxAgeMs;
}

/** One thing that the server was asked. What is old counts as not known, whatever it is about. */
export class Knowledge<Value> {
  #value: Value | undefined;
  #learntAt = 0;

  learn(value: Value, now: number): void {
    this.#value = value;
    this.#learntAt = now;
  }

  /** Something of the session's own may have changed it. */
  forget(): void {
    this.#value = undefined;
  }

  /** @param oldest see `oldestAt` */
  since(oldest: number): Value | undefined {
    return this.#learntAt < oldest ? undefined : this.#value;
  }

  /** It was known, and has only aged. */
  isOld(oldest: number): boolean {
    return this.#value !== undefined && this.#learntAt < oldest;
  }
}
