/** A session remembers this many refusals: far more than it has verdicts cached. */
const maxRemembered = 4096;
const denial = '"effect":"deny"';
const reference = /^\{"decision":(\d+)/;

/**
 * Which of a session's decisions said no, so that a command that runs under one is flagged in its record and
 * counting refusals takes no parsing. Limit: a command that refers to a refusal more than 4,096 refusals ago
 * is not flagged; its decision record still says what it said.
 */
export class RefusedDecisions {
  #sequences: Set<number> | undefined;

  note(sequence: number, json: string): void {
    if (!json.includes(denial)) return;
    this.#sequences ??= new Set();
    this.#sequences.add(sequence);
    if (this.#sequences.size > maxRemembered) {
      for (const oldest of this.#sequences) {
        this.#sequences.delete(oldest);
        break;
      }
    }
  }

  /** Does the command record refer to a refusal? */
  covers(json: string): boolean {
    if (this.#sequences === undefined) return false;
    const match = reference.exec(json);
    return match !== null && this.#sequences.has(Number(match[1]));
  }
}
