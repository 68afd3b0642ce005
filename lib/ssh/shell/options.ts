import type { Word } from '#lib/ssh/shell/word.ts';

/** The options of a program that are known. Whatever else begins with `-` is not. */
export interface OptionForms {
  /** Letters of options without a value. */
  readonly flags?: string;
  /** Letters of options that need a value, in the same word or the next. */
  readonly values?: string;
  /** Long options without a value, in full: abbreviations are not known. */
  readonly long?: readonly string[];
  /** Long options with a value, after `=` or in the next word. */
  readonly longValues?: readonly string[];
  /** Other words that are known as options: `-15`. */
  readonly other?: RegExp;
}

export interface ReadOptions {
  /** Letters and names of the options that are there. */
  readonly names: ReadonlySet<string>;
  /** Their values, as far as they have one; undefined: only the shell knows it. */
  readonly values: readonly { readonly name: string; readonly value: string | undefined }[];
  /** Index of the first word that is no option, in the words that were given. */
  readonly operands: number;
  /** A `--` stands before it, so that all that follows are operands. */
  readonly ended: boolean;
}

/**
 * Reads options from `words[from]` on up to the first operand, as getopt of POSIX does.
 *
 * @returns undefined when an option is not known, or only the shell knows what stands there
 */
export function readOptions(
  words: readonly Word[],
  from: number,
  forms: OptionForms,
): ReadOptions | undefined {
  const { flags = '', values: withValue = '', long = [], longValues = [], other } = forms;
  const names = new Set<string>();
  const values: { name: string; value: string | undefined }[] = [];
  let at = from;
  /** The value is the next word. Of several words that the shell makes of one, the rest would be operands. */
  const next = (name: string): boolean => {
    at += 1;
    const word = words[at];
    values.push({ name, value: word?.text });
    return word?.text !== undefined && !word.pattern;
  };
  for (; at < words.length; at += 1) {
    const { text, pattern } = words[at]!;
    if (text === undefined || (pattern && mayBeOption(text))) return undefined;
    if (text === '--') return { names, values, operands: at + 1, ended: true };
    if (other?.test(text)) continue;
    if (!text.startsWith('-') || text === '-') break;
    if (text.startsWith('--')) {
      const [name = '', value] = text.slice(2).split(/=(.*)/s);
      names.add(name);
      if (longValues.includes(name)) {
        if (value !== undefined) values.push({ name, value });
        else if (!next(name)) return undefined;
      } else if (!long.includes(name) || value !== undefined) return undefined;
      continue;
    }
    for (let letter = 1; letter < text.length; letter += 1) {
      const name = text[letter]!;
      names.add(name);
      if (flags.includes(name)) continue;
      if (!withValue.includes(name)) return undefined;
      if (letter < text.length - 1) values.push({ name, value: text.slice(letter + 1) });
      else if (!next(name)) return undefined;
      break;
    }
  }
  return { names, values, operands: at, ended: false };
}

/** Whether what the shell makes of a pattern may begin with `-`. */
export function mayBeOption(pattern: string): boolean {
  return /^[-*?[]/.test(pattern);
}

/**
 * Whether all that may be an option in `words[from]` and after is known; GNU's programs take options after
 * operands, too.
 */
export function hasOnly(words: readonly Word[], from: number, forms: OptionForms): boolean {
  for (let at = from; at < words.length; ) {
    const read = readOptions(words, at, forms);
    if (read === undefined) return false;
    if (read.ended) return true;
    at = read.operands + 1;
  }
  return true;
}

/** Letters and names of the options, among operands too, where all options are known. */
export function namesOf(words: readonly Word[], from: number, forms: OptionForms): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at = from; at < words.length; ) {
    const read = readOptions(words, at, forms);
    if (read === undefined) return new Set();
    for (const name of read.names) names.add(name);
    if (read.ended) break;
    at = read.operands + 1;
  }
  return names;
}

/** Words that are no options, where all options are known. */
export function operandsOf(words: readonly Word[], from: number, forms: OptionForms): readonly Word[] {
  const operands: Word[] = [];
  for (let at = from; at < words.length; ) {
    const read = readOptions(words, at, forms);
    if (read === undefined) return words.slice(from);
    if (read.ended) {
      return [...operands, ...words.slice(read.operands)];
    }
    operands.push(...words.slice(read.operands, read.operands + 1));
    at = read.operands + 1;
  }
  return operands;
}
