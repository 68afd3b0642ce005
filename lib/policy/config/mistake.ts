/** One thing that is wrong in the configuration, where it is, and what to do about it. */
export interface Mistake {
  /** Path below the configuration folder. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** In UTF-16 units, from 1. */
  readonly column: number;
  /** A sentence that says what is wrong and what to write instead. */
  readonly message: string;
}

/** `targets.yaml:3:5: …`, the form that editors and terminals turn into a link. */
export function formatMistake(folder: string, mistake: Mistake): string {
  return `${folder}/${mistake.file}:${mistake.line}:${mistake.column}: ${mistake.message}`;
}

/** By file, then by place. */
export function sortMistakes(mistakes: readonly Mistake[]): Mistake[] {
  return mistakes.toSorted(
    (a, b) =>
      compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
