import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { loadModule, scanSync } from 'pg18';
import { keyPrefixBytes, Scanner } from '#lib/sql/scanner.ts';
import { lexical, mutated } from './fragments.ts';

beforeAll(() => loadModule(), 60_000);

const scanner = new Scanner();

function shapeOf(text: string | Buffer): string | undefined {
  scanner.scan(Buffer.from(text));
  return scanner.shape;
}

/** Numbers of PostgreSQL's tokens (gram.y of 18), and the marks of the scanner for them. */
const marks: Readonly<Record<number, string>> = {
  260: '\x02', // FCONST
  263: '\x05', // BCONST
  264: '\x06', // XCONST
  266: '\x01', // ICONST
  275: '\x0e', // SQL_COMMENT
  276: '\x0f', // C_COMMENT
};
const sconst = 261;

function markOf(tokenType: number, text: string): string | undefined {
  if (tokenType !== sconst) return marks[tokenType];
  if (text.startsWith('$')) return '\x07';
  return /^e/i.test(text) ? '\x04' : '\x03';
}

/** The shape made from the tokens of PostgreSQL's own scanner; undefined: it finds the text wrong. */
function shapeByPostgres(text: string): string | undefined {
  const bytes = Buffer.from(text);
  if (text === '') return '';
  let tokens: { start: number; end: number; tokenType: number }[];
  try {
    ({ tokens } = scanSync(text));
  } catch {
    return undefined;
  }
  let shape = '';
  let at = 0;
  for (const { start, end, tokenType } of tokens) {
    const own = bytes.toString('latin1', start, end);
    shape += bytes.toString('latin1', at, start) + (markOf(tokenType, own) ?? own);
    at = end;
  }
  return shape + bytes.toString('latin1', at);
}

describe('the shape', () => {
  test('cuts a text where PostgreSQL does, wherever it is sure', () => {
    let sure = 0;
    fc.assert(
      fc.property(fc.oneof(lexical, mutated), text => {
        const shape = shapeOf(text);
        const theirs = shapeByPostgres(text);
        fc.pre(shape !== undefined && theirs !== undefined);
        sure += 1;
        expect(shape).toBe(theirs);
      }),
      { numRuns: 6000, maxSkipsPerRun: 100 },
    );
    expect(sure).toBeGreaterThan(3000);
  });

  test('is the same for texts that differ in literals and comments', () => {
    const one = shapeOf("SELECT 1, 'a', 1.5, E'\\'', B'0', $$x$$ FROM t -- a");
    const other = shapeOf("SELECT 22, 'it''s', .5, E'', B'11', $q$ $$ $q$ FROM t -- another");

    expect(one).toBeDefined();
    expect(other).toBe(one);
  });

  test.each([
    ['another table', 'SELECT 1 FROM t', 'SELECT 1 FROM u'],
    ['a decimal for an integer', 'SELECT 1', 'SELECT 1.0'],
    ['a big number for an integer', 'SELECT 2147483647', 'SELECT 2147483648'],
    ['a word for a string', "SET x TO 'a'", 'SET x TO a'],
    ['a string with escapes', "SELECT 'a'", "SELECT E'a'"],
    ['a dollar string', "SELECT 'a'", 'SELECT $$a$$'],
    ['another parameter', 'SELECT $1', 'SELECT $2'],
    ['another quoted name', 'SELECT "1"', 'SELECT "2"'],
    ['a comment', 'SELECT 1', 'SELECT 1--'],
    ['a control character for a literal', 'SELECT 1', 'SELECT \x01'],
    ['a control character in a name', 'SELECT "\x01"', 'SELECT "1"'],
  ])('is another with %s', (_, one, other) => {
    expect(shapeOf(one)).not.toBe(shapeOf(other));
  });

  test.each([
    "SELECT U&'\\0041' UESCAPE '!'",
    'SELECT U&"d!0061t" UESCAPE \'!\'',
    "SELECT 'a'\n'b'",
    "SELECT 'a' -- c\n 'b'",
    "SELECT E'a'\n'b\\'c'",
    'SELECT 1abc',
    'SELECT 0x1F',
    'SELECT 1_000',
    'SELECT 1..2',
    'SELECT $1a',
    "SELECT X'1''2'",
    "SELECT 'open",
    'SELECT "open',
    'SELECT $$open',
    'SELECT $open',
    'SELECT /* open',
    'SELECT /* /* open */',
    'SELECT \x01',
  ])('is not sure of %j', text => {
    expect(shapeOf(text)).toBeUndefined();
  });
});

describe('the scan', () => {
  const scan = (text: string | Buffer) => {
    scanner.scan(Buffer.from(text));
    return scanner;
  };

  test('finds backslashes that standard_conforming_strings decides, and no others', () => {
    const decided = ["SELECT 'a\\b'", "SELECT 'a'\n'\\'", "N'\\'", "SELECT U&'\\0041'"];
    const others = ["E'\\''", '$$\\$$', '"\\"', '-- \\', '/* \\ */', 'SELECT \\', "E'a'\n'\\''"];

    expect(decided.map(text => scan(text).plainBackslash)).toEqual(decided.map(() => true));
    expect(others.map(text => scan(text).plainBackslash)).toEqual(others.map(() => false));
  });

  test('tells bytes above ASCII in names from those in what is skipped', () => {
    const where = (text: string) => [scan(text).high, scan(text).highNames];

    expect(where('SELECT 1')).toEqual([false, false]);
    expect(['é', '"é"'].map(where)).toEqual(Array(2).fill([true, true]));
    expect(["'é'", "E'é'", '$$é$$', '$é$ $é$', '-- é', '/* é */'].map(where)).toEqual(
      Array(6).fill([true, false]),
    );
  });

  test('counts what a text costs', () => {
    const { tokens, words, depth } = scan('SELECT a, (b + ((1)))');

    expect({ tokens, words, depth }).toEqual({ tokens: 12, words: 4, depth: 3 });
  });

  test('of a shorter text after a longer one sees nothing of the longer one', () => {
    const text = 'SELECT 1';
    const alone = shapeOf(text);

    scanner.scan(Buffer.from(`${text}, '${'x'.repeat(10_000)}' FROM "unterminated`));

    expect(shapeOf(text)).toBe(alone);
    expect(scanner.end - keyPrefixBytes).toBe(text.length);
  });

  test('ends for any bytes, within the text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        scanner.scan(bytes);
        expect(scanner.end - keyPrefixBytes).toBeLessThanOrEqual(bytes.length);
        expect(scanner.tokens).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
