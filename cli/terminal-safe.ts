/**
 * Text from outside, made fit for a terminal: whatever could move the cursor, change colours, reorder or hide
 * text is shown as an escape: control and format characters, line separators, lone surrogates, and all that
 * Unicode calls default-ignorable (marks of direction, zero-width characters, variation selectors, tags).
 * Tabs stay.
 */
const unsafe = /(?!\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** One line. */
export function line(text: string): string {
  return text.replace(unsafe, visible);
}

/** JSON that a terminal may be shown: what it would obey is written as `\u…`, which is the same value. */
export function safeJson(value: unknown, indent = 0): string {
  const escaped = (character: string): string =>
    Array.from({ length: character.length }, (_, at) => unit(character.charCodeAt(at))).join('');
  // A line feed is JSON's own here; in a text it is written as one already.
  return JSON.stringify(value, null, indent).replace(unsafe, character =>
    character === '\n' ? character : escaped(character),
  );
}

const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;

/** Line feeds stay, carriage returns before them go. */
export function lines(text: string): string[] {
  return text.split(/\r?\n/).map(line);
}

function visible(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  const code = character.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\u{${code.toString(16)}}`;
}
