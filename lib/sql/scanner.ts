import { Rows } from '#lib/sql/rows.ts';

/**
 * A byte lexer of PostgreSQL's text (its rules: src/backend/parser/scan.l). One pass gives
 *
 * - the shape: the text with each literal replaced by a mark of its kind and each comment by a mark, all else
 *   verbatim. Texts of one shape have the same tokens but for the values of literals. It is read as with
 *   `standard_conforming_strings = on`; `plainBackslash` says where that matters;
 * - what the text would cost the real parser.
 *
 * Where the lexer is not sure that PostgreSQL would cut the text at the same places, there is no shape: Unicode
 * escapes (UESCAPE makes a literal decide), strings continued on another line, numbers with letters behind
 * them, control characters, anything unterminated. The tests hold it against libpg_query's own scanner.
 */

/** Marks. Outside of quotes these bytes are no characters of SQL, so they cannot be mistaken for text. */
const mark = {
  integer: 1,
  decimal: 2,
  string: 3,
  escapeString: 4,
  bits: 5,
  hex: 6,
  dollarString: 7,
  lineComment: 14,
  blockComment: 15,
} as const;

const kind = {
  operator: 0,
  identifier: 1,
  digit: 2,
  quote: 3,
  doubleQuote: 4,
  dollar: 5,
  space: 6,
  open: 7,
  close: 8,
  separator: 9,
  dot: 10,
  minus: 11,
  slash: 12,
  control: 13,
} as const;

const kindOf = new Uint8Array(256);
/** Bytes that go on an identifier: letters, digits, `_`, `$` and everything above ASCII. */
const goesOn = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const character = String.fromCharCode(byte);
  if (byte < 32 || byte === 127) kindOf[byte] = kind.control;
  if (/[A-Za-z_]/.test(character) || byte >= 128) kindOf[byte] = kind.identifier;
  if (/[0-9]/.test(character)) kindOf[byte] = kind.digit;
  if (/[ \t\n\r\f]/.test(character)) kindOf[byte] = kind.space;
  if (/[A-Za-z_0-9$]/.test(character) || byte >= 128) goesOn[byte] = 1;
}
for (const [characters, value] of [
  ["'", kind.quote],
  ['"', kind.doubleQuote],
  ['$', kind.dollar],
  ['([', kind.open],
  [')]', kind.close],
  [',;', kind.separator],
  ['.', kind.dot],
  ['-', kind.minus],
  ['/', kind.slash],
] as const) {
  for (const character of characters) kindOf[character.charCodeAt(0)] = value;
}

const newline = 10;
const carriageReturn = 13;
const quote = 39;
const plus = 43;
const backslash = 92;
/** How the inside of quotes is read: `''` for a quote; backslashes as well; neither. */
const plain = 0;
const escaped = 1;
const digitsOnly = 2;

const largestInteger = '2147483647';

/** How far the shape stands from the start of `bytes`: room for the caller's part of a key. */
export const keyPrefixBytes = 4;

/** Reused from text to text, so that a scan allocates nothing. Fields hold the last scan. */
export class Scanner {
  /** From `keyPrefixBytes` to `end`: the shape. */
  bytes = Buffer.allocUnsafe(4096);
  end = 0;
  /** Whether the shape may stand for the text. */
  sure = false;
  /** A backslash in a string without E: another reading when `standard_conforming_strings` is off. */
  plainBackslash = false;
  /** Bytes of 128 and above, anywhere; and in names. */
  high = false;
  highNames = false;
  /** All tokens, operators counted by characters. */
  tokens = 0;
  /** Tokens without literals, parameters, parentheses and separators: what makes the tree deep. */
  words = 0;
  /** Deepest nesting of parentheses and brackets. */
  depth = 0;
  /** How deep the tree may be. */
  readonly rows = new Rows();

  #text: Uint8Array = Buffer.alloc(0);

  /** The shape of the last text as latin1, of use as a key; undefined: not sure. */
  get shape(): string | undefined {
    return this.sure ? this.bytes.toString('latin1', keyPrefixBytes, this.end) : undefined;
  }

  scan(text: Uint8Array): void {
    const length = text.length;
    if (this.bytes.length < length + keyPrefixBytes) {
      this.bytes = Buffer.allocUnsafe(2 * length + keyPrefixBytes);
    }
    this.#text = text;
    this.sure = true;
    this.plainBackslash = false;
    const out = this.bytes;
    let to = keyPrefixBytes;
    let tokens = 0;
    let words = 0;
    let depth = 0;
    let deepest = 0;
    let high = 0;
    let skipped = 0;
    let at = 0;
    /** Behind the last character of an operator. */
    let operator = -1;
    const rows = this.rows;
    rows.clear();
    while (at < length) {
      const byte = text[at] as number;
      switch (kindOf[byte]) {
        case kind.identifier: {
          const next = text[at + 1];
          if (next === quote && isStringPrefix(byte)) {
            tokens += 1;
            const lower = byte | 32;
            if (lower === 101) {
              out[to++] = mark.escapeString;
              at = this.#skipString(at + 2, escaped);
            } else if (lower === 110) {
              // N'…' is the key word NCHAR and a plain string.
              out[to++] = byte;
              at += 1;
            } else {
              out[to++] = lower === 98 ? mark.bits : mark.hex;
              at = this.#skipString(at + 2, digitsOnly);
            }
            break;
          }
          if (next === 38 && (byte | 32) === 117 && (text[at + 2] === quote || text[at + 2] === 34)) {
            this.sure = false;
          }
          tokens += 1;
          words += 1;
          const start = at;
          let one = byte;
          do {
            high |= one;
            out[to++] = one;
            at += 1;
            one = text[at] as number;
          } while (goesOn[one] === 1 && at < length);
          if (at - start <= 4 && joins(text, start, at)) rows.join();
          else rows.word();
          break;
        }
        case kind.space:
          out[to++] = byte;
          at += 1;
          break;
        case kind.digit:
          tokens += 1;
          out[to++] = mark.integer;
          at = this.#skipNumber(at);
          if (this.#decimal) out[to - 1] = mark.decimal;
          break;
        case kind.dot: {
          const next = kindOf[text[at + 1] as number];
          if (at + 1 < length && next === kind.digit) {
            tokens += 1;
            out[to++] = mark.decimal;
            at = this.#skipNumber(at);
          } else {
            if (text[at + 1] === byte) this.sure = false;
            words += 1;
            tokens += 1;
            out[to++] = byte;
            at += 1;
          }
          break;
        }
        case kind.quote:
          tokens += 1;
          out[to++] = mark.string;
          at = this.#skipString(at + 1, plain);
          break;
        case kind.doubleQuote: {
          tokens += 1;
          words += 1;
          rows.word();
          const stop = this.#skipQuotedIdentifier(at + 1);
          for (; at < stop; at += 1) {
            high |= text[at] as number;
            out[to++] = text[at] as number;
          }
          break;
        }
        case kind.dollar: {
          tokens += 1;
          if (kindOf[text[at + 1] as number] === kind.digit && at + 1 < length) {
            do {
              out[to++] = text[at] as number;
              at += 1;
            } while (at < length && kindOf[text[at] as number] === kind.digit);
            if (at < length && goesOn[text[at] as number] === 1) this.sure = false;
            break;
          }
          const stop = this.#skipDollarString(at);
          if (stop < 0) {
            out[to++] = byte;
            at += 1;
          } else {
            out[to++] = mark.dollarString;
            at = stop;
          }
          break;
        }
        case kind.open:
          tokens += 1;
          depth += 1;
          rows.open();
          if (depth > deepest) deepest = depth;
          out[to++] = byte;
          at += 1;
          break;
        case kind.close:
          tokens += 1;
          depth -= 1;
          rows.close();
          out[to++] = byte;
          at += 1;
          break;
        case kind.separator:
          rows.separate();
          tokens += 1;
          out[to++] = byte;
          at += 1;
          break;
        case kind.minus:
          if (text[at + 1] === byte) {
            out[to++] = mark.lineComment;
            while (at < length && text[at] !== newline && text[at] !== carriageReturn) {
              skipped |= text[at] as number;
              at += 1;
            }
            break;
          }
          // `+-+-` may be one operator or four, of which each takes a level.
          rows.word();
          words += 1;
          tokens += 1;
          out[to++] = byte;
          at += 1;
          operator = at;
          break;
        case kind.slash:
          if (text[at + 1] === 42) {
            out[to++] = mark.blockComment;
            at = this.#skipBlockComment(at + 2);
            break;
          }
          if (operator !== at) rows.word();
          words += 1;
          tokens += 1;
          out[to++] = byte;
          at += 1;
          operator = at;
          break;
        case kind.control:
          this.sure = false;
          tokens += 1;
          out[to++] = byte;
          at += 1;
          break;
        default:
          if (operator !== at || byte === plus) rows.word();
          words += 1;
          tokens += 1;
          out[to++] = byte;
          at += 1;
          operator = at;
      }
    }
    rows.separate();
    this.end = to;
    this.tokens = tokens;
    this.words = words;
    this.depth = deepest;
    this.highNames = high >= 128;
    this.high = this.highNames || skipped >= 128 || this.#highSkipped;
    this.#highSkipped = false;
    this.#text = empty;
  }

  /** Something of 128 and above was skipped over. */
  #highSkipped = false;
  /** The last number was no integer to PostgreSQL's scanner. */
  #decimal = false;

  /** @param at behind the opening quote. @returns behind the literal, with what continues it on other lines */
  #skipString(start: number, mode: typeof plain | typeof escaped | typeof digitsOnly): number {
    const text = this.#text;
    const length = text.length;
    let high = 0;
    let at = start;
    for (;;) {
      const byte = text[at] as number;
      if (at >= length) {
        this.sure = false;
        break;
      }
      high |= byte;
      at += 1;
      if (byte === quote) {
        if (text[at] === quote) {
          if (mode === digitsOnly) {
            this.sure = false;
            break;
          }
          at += 1;
          continue;
        }
        const next = at < length ? kindOf[text[at] as number] : kind.operator;
        // A string goes on behind white space with a line break in it, comments of one line included.
        const on =
          next === kind.space || next === kind.minus || next === kind.control ? this.#continued(at) : -1;
        if (on < 0) break;
        this.sure = false;
        at = on;
      } else if (byte === backslash) {
        if (mode === escaped) at += 1;
        else this.plainBackslash = true;
      }
    }
    if (high >= 128) this.#highSkipped = true;
    return Math.min(at, length);
  }

  /** @returns behind the quote that goes on the string that ends at `at`; -1: none does */
  #continued(start: number): number {
    const text = this.#text;
    const length = text.length;
    let at = start;
    let broken = false;
    while (at < length) {
      const byte = text[at] as number;
      if (byte === newline || byte === carriageReturn) broken = true;
      if (kindOf[byte] === kind.space || kindOf[byte] === kind.control) at += 1;
      else if (byte === 45 && text[at + 1] === 45) {
        while (at < length && text[at] !== newline && text[at] !== carriageReturn) at += 1;
      } else return broken && byte === quote ? at + 1 : -1;
    }
    return -1;
  }

  #skipNumber(start: number): number {
    const text = this.#text;
    const length = text.length;
    let at = start;
    while (kindOf[text[at] as number] === kind.digit && at < length) at += 1;
    let decimal = false;
    if (text[at] === 46) {
      if (text[at + 1] === 46) {
        this.sure = false;
        this.#decimal = false;
        return at;
      }
      decimal = true;
      at += 1;
      while (at < length && kindOf[text[at] as number] === kind.digit) at += 1;
    }
    if (at < length && ((text[at] as number) | 32) === 101) {
      const sign = text[at + 1] === 43 || text[at + 1] === 45 ? 1 : 0;
      if (kindOf[text[at + 1 + sign] as number] === kind.digit && at + 1 + sign < length) {
        decimal = true;
        at += 1 + sign;
        while (at < length && kindOf[text[at] as number] === kind.digit) at += 1;
      }
    }
    if (at < length && (goesOn[text[at] as number] === 1 || text[at] === 46)) this.sure = false;
    this.#decimal = decimal || this.#exceedsInteger(start, at);
    return at;
  }

  /** Integers of more than 31 bits are decimals to PostgreSQL's scanner. */
  #exceedsInteger(start: number, end: number): boolean {
    if (end - start < largestInteger.length) return false;
    const text = this.#text;
    let first = start;
    while (first < end && text[first] === 48) first += 1;
    const digits = end - first;
    if (digits !== largestInteger.length) return digits > largestInteger.length;
    for (let i = 0; i < digits; i += 1) {
      const difference = (text[first + i] as number) - largestInteger.charCodeAt(i);
      if (difference !== 0) return difference > 0;
    }
    return false;
  }

  #skipQuotedIdentifier(start: number): number {
    const text = this.#text;
    const length = text.length;
    let at = start;
    while (at < length) {
      if (text[at] === 34) {
        if (text[at + 1] !== 34) return at + 1;
        at += 1;
      }
      at += 1;
    }
    this.sure = false;
    return length;
  }

  /** @returns behind the string; -1: the dollar opens none */
  #skipDollarString(start: number): number {
    const text = this.#text;
    const length = text.length;
    let at = start + 1;
    if (kindOf[text[at] as number] === kind.identifier) {
      while (at < length && text[at] !== 36 && goesOn[text[at] as number] === 1) at += 1;
    }
    if (at >= length || text[at] !== 36) {
      this.sure = false;
      return -1;
    }
    const tag = at + 1 - start;
    let high = 0;
    for (let i = start; i < start + tag; i += 1) high |= text[i] as number;
    for (at += 1; at + tag <= length; at += 1) {
      high |= text[at] as number;
      if (text[at] !== 36) continue;
      let same = 1;
      while (same < tag && text[at + same] === text[start + same]) same += 1;
      if (same < tag) continue;
      if (high >= 128) this.#highSkipped = true;
      return at + tag;
    }
    this.sure = false;
    this.#highSkipped = true;
    return length;
  }

  /** Comments nest. @param start behind the opening. */
  #skipBlockComment(start: number): number {
    const text = this.#text;
    const length = text.length;
    let at = start;
    let high = 0;
    for (let depth = 1; at < length; ) {
      const byte = text[at] as number;
      high |= byte;
      if (byte === 42 && text[at + 1] === 47) {
        at += 2;
        depth -= 1;
        if (depth === 0) break;
      } else if (byte === 47 && text[at + 1] === 42) {
        at += 2;
        depth += 1;
      } else at += 1;
      if (at >= length) this.sure = false;
    }
    if (start >= length) this.sure = false;
    if (high >= 128) this.#highSkipped = true;
    return Math.min(at, length);
  }
}

const empty = Buffer.alloc(0);

/** Whether the word is AND, OR or WHEN. */
function joins(text: Uint8Array, start: number, end: number): boolean {
  const first = (text[start] as number) | 32;
  const second = (text[start + 1] as number) | 32;
  if (end - start === 2) return first === 111 && second === 114;
  const third = (text[start + 2] as number) | 32;
  if (end - start === 3) return first === 97 && second === 110 && third === 100;
  const fourth = (text[start + 3] as number) | 32;
  return end - start === 4 && first === 119 && second === 104 && third === 101 && fourth === 110;
}

function isStringPrefix(byte: number): boolean {
  const lower = byte | 32;
  return lower === 101 || lower === 98 || lower === 120 || lower === 110;
}
