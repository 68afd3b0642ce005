/** The text of one policy within a file, from its first word to its semicolon. */
export interface CedarPart {
  /** Offset in the file, in UTF-16 units. */
  readonly start: number;
  readonly text: string;
}

const commentOrString = /\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"/g;

/** The text with comments and strings blanked out, every other character at its place. */
export function blankCedar(text: string): string {
  return text.replace(commentOrString, found => found.replace(/[^\n]/g, ' '));
}

/**
 * Cuts a file into its policies, so that a mistake in one hides none in the next. In Cedar's grammar a semicolon
 * outside of comments and strings ends a policy and is nothing else. What follows the last one is a part of its
 * own, for Cedar to complain about.
 */
export function splitPolicies(text: string): CedarPart[] {
  const bare = blankCedar(text);
  const parts: CedarPart[] = [];
  let from = 0;
  while (from < bare.length) {
    const semicolon = bare.indexOf(';', from);
    const end = semicolon === -1 ? bare.trimEnd().length : semicolon + 1;
    const start = from + bare.slice(from, end).search(/\S/);
    if (start >= from) parts.push({ start, text: text.slice(start, end) });
    if (semicolon === -1) break;
    from = end;
  }
  return parts;
}
