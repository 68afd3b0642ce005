/** A test of PostgreSQL's suite that may come out otherwise through the gateway than direct. */
export interface Exception {
  readonly test: string;
  /** Why the gateway differs on purpose. */
  readonly reason: string;
  /** Every line that differs must match one of these: an exception excuses no other difference in its test. */
  readonly lines: readonly RegExp[];
}

export const exceptions: readonly Exception[] = [];
