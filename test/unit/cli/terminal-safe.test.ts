import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { line, lines, safeJson } from '#cli/terminal-safe.ts';

describe('text from a recording', () => {
  test.each([
    ['an escape sequence', 'a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['a one-byte control sequence', 'a\u009b2J', 'a\\x9b2J'],
    ['a carriage return that would overwrite', 'evil\rgood', 'evil\\rgood'],
    ['a line feed', 'a\nb', 'a\\nb'],
    ['a backspace and a bell', '\b\x07', '\\x08\\x07'],
    ['a mark that turns the direction', 'a\u202eb\u2066c', 'a\\u202eb\\u2066c'],
    ['a character without width', 'pay\u200bload', 'pay\\u200bload'],
    ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
    ['half of a surrogate pair', 'a\ud800b', 'a\\ud800b'],
    ['a line separator', 'a\u2028b', 'a\\u2028b'],
  ])('shows %s instead of doing it', (_, text, shown) => {
    expect(line(text)).toBe(shown);
  });

  test('keeps what is only text, in any script, and tabs', () => {
    const text = 'SELECT\t\'Grüße, 世界, مرحبا, 🎉\' -- "x"';

    expect(line(text)).toBe(text);
  });

  test('is the same in JSON that a terminal may be shown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const written = safeJson({ text });

        expect(written).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(JSON.parse(written)).toEqual({ text });
      }),
    );
    expect(safeJson('a\u009b\u202e\u{e0041}')).toBe('"a\\u009b\\u202e\\udb40\\udc41"');
  });

  test('keeps its lines where lines are wanted', () => {
    expect(lines('a\r\nb\nc\x1b')).toEqual(['a', 'b', 'c\\x1b']);
  });

  test('never reaches a terminal with a control character in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(line(text)).not.toMatch(/(?!\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
