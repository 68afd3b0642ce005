import { describe, expect, test } from '@jest/globals';
import { Scanner } from '#lib/sql/scanner.ts';

describe('rows of words and operators', () => {
  test.each([
    ['', 0, 0],
    ['SELECT a', 2, 2],
    ['SELECT 1 + 2', 2, 2],
    ['SELECT a, b + c, d', 3, 3],
    ['a; b c; d', 2, 2],
    ['a = 1 AND b = 2 or c = 3 When d', 2, 7],
    ['android orders whenever', 3, 3],
    ['a <> b >= c', 5, 5],
    // Two operators or one, for all that the lexer knows.
    ['+-+-a', 5, 5],
    ['a /* + + + */ -- + +', 1, 1],
    ["'+ + +' || $1 || $$ a b c $$", 2, 2],
    ['"a b" "c"', 2, 2],
    ['((1))', 2, 0],
    ['f(a + b, c)', 5, 3],
    ['(a b c) (d)', 4, 3],
    ['x (a b AND c) y', 5, 3],
    ['f(a, (b c d), e) + 1', 7, 3],
    [')) a )', 1, 1],
    ['(((a b', 2, 2],
    [`${'('.repeat(600)}a b${')'.repeat(600)} c`, 515, 2],
  ])('%s', (text, longest, longestRun) => {
    const scanner = new Scanner();

    scanner.scan(Buffer.from(text));

    expect([scanner.rows.longest, scanner.rows.longestRun]).toEqual([longest, longestRun]);
  });
});
