/** Deeper texts are refused, whatever else is in them. */
const maxOpen = 512;

/**
 * Bounds how deep a text's tree is, from its tokens alone. Words and operators in a row may each take a level,
 * and what stands in parentheses is as deep as the longest row in it. A comma or semicolon begins a new row; so
 * do AND, OR and WHEN, most of the time: BETWEEN … AND NOT … goes on behind it.
 */
export class Rows {
  /** The longest row of the text. */
  longest = 0;
  /** The longest one where only commas and semicolons begin a new one; without what is in parentheses. */
  longestRun = 0;

  #row = 0;
  /** The longest in parentheses that this row holds. */
  #held = 0;
  /** The longest that has ended, of those in the same parentheses. */
  #ended = 0;
  #run = 0;
  #depth = 0;
  /** `row`, `held`, `ended` and `run` around each open parenthesis. */
  readonly #around = new Int32Array(4 * maxOpen);

  clear(): void {
    this.longest = 0;
    this.longestRun = 0;
    this.#depth = 0;
    this.#start();
  }

  #start(): void {
    this.#row = 0;
    this.#held = 0;
    this.#ended = 0;
    this.#run = 0;
  }

  /** A word or an operator. */
  word(): void {
    this.#row += 1;
    this.#run += 1;
    if (this.#run > this.longestRun) this.longestRun = this.#run;
  }

  /** AND, OR, WHEN. */
  join(): void {
    const length = this.#row + this.#held;
    if (length > this.#ended) this.#ended = length;
    if (length > this.longest) this.longest = length;
    this.#row = 0;
    this.#held = 0;
  }

  /** A comma, a semicolon, or the end of the text. */
  separate(): void {
    this.join();
    this.#run = 0;
  }

  open(): void {
    if (this.#depth < maxOpen) {
      const at = 4 * this.#depth;
      this.#around[at] = this.#row;
      this.#around[at + 1] = this.#held;
      this.#around[at + 2] = this.#ended;
      this.#around[at + 3] = this.#run;
      this.#start();
    }
    this.#depth += 1;
  }

  close(): void {
    if (this.#depth === 0) return;
    this.#depth -= 1;
    if (this.#depth >= maxOpen) return;
    this.join();
    const inside = this.#ended + 1;
    const at = 4 * this.#depth;
    this.#row = this.#around[at] as number;
    this.#held = Math.max(inside, this.#around[at + 1] as number);
    this.#ended = this.#around[at + 2] as number;
    this.#run = this.#around[at + 3] as number;
  }
}
