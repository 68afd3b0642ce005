import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DrawingFilter } from '#cli/replay/terminal/drawing-filter.ts';
import {
  controlSequences,
  drawingControls,
  escapes,
  escapesWithIntermediate,
  maxParameter,
  privateModes,
} from '#cli/replay/terminal/obeyed.ts';

const filtered = (text: string | Buffer): string => new DrawingFilter().filter(Buffer.from(text));

describe('what draws passes', () => {
  test.each([
    ['text of any language', 'naïve 日本語 🦊'],
    ['line ends, tabs, backspaces', 'a\r\n\tb\b'],
    ['colours', '\x1b[1;31mred\x1b[0m\x1b[38;2;255;128;0m\x1b[38:5:12m'],
    ['the cursor on its way', '\x1b[10;20H\x1b[A\x1b[2B\x1b[3C\x1b[4D\x1b[s\x1b[u\x1b7\x1b8'],
    ['erasing and inserting', '\x1b[2J\x1b[K\x1b[1@\x1b[2L\x1b[3M\x1b[4P\x1b[5X'],
    ['margins and scrolling', '\x1b[5;20r\x1b[2S\x1b[2T\x1bM\x1bD'],
    ['the alternate screen, the cursor, wrapping', '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1049l'],
    ['line drawing', '\x1b(0lqk\x1b(B\x0e\x0f'],
  ])('%s', (_what, text) => {
    expect(filtered(text)).toBe(text);
  });
});

describe('what changes the machine of whoever looks is dropped', () => {
  test.each([
    ['the clipboard', '\x1b]52;c;c2VjcmV0\x07'],
    ['the clipboard, ended as the standard has it', '\x1b]52;c;c2VjcmV0\x1b\\'],
    ['the clipboard, asked for', '\x1b]52;c;?\x07'],
    ['the title', '\x1b]0;owned\x07\x1b]2;owned\x07'],
    ['the title, reported', '\x1b[21t'],
    ['the window: moved, resized, iconified', '\x1b[3;0;0t\x1b[8;200;200t\x1b[2t'],
    ['links that say one thing and lead to another', '\x1b]8;;https://evil.example\x07\x1b]8;;\x07'],
    ['colours of the palette, set and asked for', '\x1b]4;1;?\x07\x1b]11;?\x07\x1b]104\x07'],
    ['notifications', '\x1b]9;hi\x07\x1b]777;notify;a;b\x07'],
    ['files of iTerm', '\x1b]1337;File=name=eA==;inline=0:eA==\x07'],
    ['what kind of terminal it is', '\x1b[c\x1b[0c\x1b[>c\x1b[=c\x1b[>q\x1bZ\x05'],
    ['where the cursor is', '\x1b[6n\x1b[?6n\x1b[5n'],
    ['modes and settings, asked for', '\x1b[?25$p\x1b[4$p\x1b[x'],
    [
      'device control strings: settings, macros, sixels, tmux',
      '\x1bP$qm\x1b\\\x1bPq#0!10~\x1b\\\x1bPtmux;x\x1b\\',
    ],
    ['application commands, such as images of kitty', '\x1b_Ga=T;AAAA\x1b\\'],
    ['privacy messages and strings', '\x1b^x\x1b\\\x1bXx\x1b\\'],
    ['the printer', '\x1b[5i\x1b[4i\x1b[?5i'],
    ['what keys send', '\x1b[?1h\x1b=\x1b>\x1b[>4;2m\x1b[>1u\x1b[=1;1u\x1b[?2004h\x1b[20h'],
    ['what the mouse sends', '\x1b[?1000h\x1b[?1002;1003;1006h\x1b[?1004h'],
    ['the number of columns', '\x1b[?3h\x1b[?40h'],
    ['the scrollback', '\x1b[3J'],
    ['the keyboard, locked', '\x1b[2h'],
    ['other encodings', '\x1b%@\x1b G'],
    ['bells, answerback, flow control', '\x07\x05\x11\x13\x00\x7f'],
    ['C1 as characters of two bytes', '\u009b\u0090\u009d'],
  ])('%s', (_what, text) => {
    expect(filtered(`a${text}b`).replace(/[\x20-\x7e]/g, '').length).toBe(0);
    expect(filtered(`a${text}b`)).not.toContain('\x1b');
    expect(filtered(text)).not.toMatch(/owned|c2VjcmV0|evil/);
  });

  test('a full reset is a soft one, from the main screen', () => {
    expect(filtered('\x1b[?1049h\x1bc')).toBe('\x1b[?1049h\x1b[?1049l\x1b[!p\x1b[H\x1b[2J');
  });

  test('of several modes in one sequence those that draw are kept', () => {
    expect(filtered('\x1b[?1049;2004;25;1000h')).toBe('\x1b[?1049;25h');
  });

  test('numbers that keep a terminal busy are cut', () => {
    expect(filtered('\x1b[2147483647b\x1b[99999999999999999999S')).toBe(
      `\x1b[${maxParameter}b\x1b[${maxParameter}S`,
    );
  });

  test('a sequence without end is dropped, and what comes after the next one is not', () => {
    expect(filtered(`\x1b[${'1;'.repeat(10_000)}mA\x1b[mB`)).toBe('A\x1b[mB');
  });

  test('ESC within a string ends it, as terminals have it', () => {
    expect(filtered('\x1b]0;title\x1b[31mred')).toBe('\x1b[31mred');
  });

  test('a string is hidden until its end and no further', () => {
    expect(filtered('a\x1b]0;x\x07b\x1b_z\x18c')).toBe('abc');
  });
});

/** Sequences of what comes out that are in no table. */
function notAllowed(text: string): string[] {
  const found: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const sequence = /\x1b\[([<=>?]?)([\d;:]*)([ -/]*)([@-~])|\x1b([ -/]*)([0-~])|[\x00-\x1f\x7f-\x9f]/gu;
  for (const [
    whole,
    prefix,
    parameters,
    intermediates,
    final,
    escapeIntermediate,
    escapeFinal,
  ] of text.matchAll(sequence)) {
    if (final !== undefined) {
      const numbers = (parameters ?? '').split(/[;:]/).map(Number);
      const small = final === 'm' || prefix === '?' || numbers.every(number => number <= maxParameter);
      const modes = prefix !== '?' || !'hl'.includes(final) || numbers.every(mode => privateModes.has(mode));
      if (controlSequences.has(`${prefix}${intermediates}${final}`) && small && modes) continue;
    } else if (escapeFinal !== undefined) {
      if (escapeIntermediate === '' ? escapes.has(escapeFinal) : escapesWithIntermediate.has(whole.slice(1)))
        continue;
    } else if (drawingControls.has(whole.charCodeAt(0))) continue;
    found.push(whole);
  }
  return found;
}

describe('whatever comes in', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x1bP',
      '\x07',
      '\x1b\\',
      '?',
      '>',
      ';',
      '1049',
      '52',
      'h',
      'm',
      '\x9b',
      '\x18',
      '\n',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const bytes = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map(pieces => Buffer.from(pieces.join(''))),
    fc.uint8Array({ maxLength: 100 }).map(Buffer.from),
  );

  test('nothing comes out but text and what is in the tables', () => {
    fc.assert(
      fc.property(bytes, input => {
        expect(notAllowed(filtered(input))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('the same comes out however it is cut', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(100), { maxLength: 5 }), (input, cuts) => {
        const filter = new DrawingFilter();
        const at = [0, ...cuts.map(cut => Math.min(cut, input.length)).sort((a, b) => a - b), input.length];
        const pieces = at.slice(1).map((end, index) => filter.filter(input.subarray(at[index], end)));
        expect(pieces.join('')).toBe(filtered(input));
      }),
      { numRuns: 1_000 },
    );
  });
});
