/** One word of a command line. */
export interface Word {
  /**
   * What the program is given, quotes removed; undefined when only the shell knows, for something in the word is
   * expanded. Of a pattern, the pattern.
   */
  readonly text: string | undefined;
  /** A file name pattern (`*`, `?`, `[`): the program is given what files there are. */
  readonly pattern: boolean;
  /** One form for all that mean the same: quoted only where it must be. Of what is expanded, as it stands. */
  readonly shown: string;
}

/** A word that is one text, and nothing in it means anything to the shell. */
export function plainWord(text: string): Word {
  return { text, pattern: false, shown: quoteWord(text) };
}

/** Words that a shell takes for its own where a command begins: POSIX, bash and zsh. */
export const reservedWords: ReadonlySet<string> = new Set(
  '- ! { } [[ ]] case coproc do done elif else end esac fi for foreach function if in nocorrect noglob repeat select then until while'.split(
    ' ',
  ),
);

/** Characters that mean nothing to a shell, anywhere in a word; and those that mean nothing inside one. */
const plain = /^(?:[\p{L}\p{N}_@%+:,./^!\]-](?:[\p{L}\p{N}_@%+:,./=^!~#\]-]|\{\})*|\{\}|==?|\[)$/u;
const plainInside = /^[\p{L}\p{N}_@%+:,./^-]*$/u;

/**
 * A text as a word that every shell gives back as the text: bare where nothing in it means anything, else in
 * quotes; in double quotes when it has a quote or a backslash, which shells read differently in single quotes.
 */
export function quoteWord(text: string): string {
  return plain.test(text) ? text : quote(text);
}

/** A part of a word. */
export function quotePart(text: string): string {
  return plainInside.test(text) ? text : quote(text);
}

function quote(text: string): string {
  return /['\\]/.test(text) ? `"${text.replaceAll(/["\\$`]/g, '\\$&')}"` : `'${text}'`;
}

/**
 * A simple command on one line: its words in their one form, joined by one blank. The first word is quoted when
 * the shell would take it for its own.
 */
export function showCommand(words: readonly Word[]): string {
  return words.map((word, index) => (index === 0 ? showProgram(word) : word.shown)).join(' ');
}

function showProgram({ text, pattern, shown }: Word): string {
  if (text === undefined || pattern) return shown;
  const special = reservedWords.has(text) || /^[A-Za-z_]\w*(\[.*\])?\+?=/.test(text);
  return special && shown === text ? quote(text) : shown;
}
