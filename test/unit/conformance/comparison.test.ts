import { describe, expect, test } from '@jest/globals';
import { changedLines, compareRuns } from '../../conformance/comparison.ts';
import { type Outcome, parseVerdicts } from '../../conformance/postgres-regress.ts';

const ran = (ok: boolean, output = '') => new Map<string, Outcome>([['boolean', { ok, output }]]);
const exception = {
  test: 'boolean',
  reason: 'it is so',
  because: /^ERROR: {2}refused$/,
  says: [/^ERROR: {2}no such row$/],
};
const replaced = (before: string, after: string) => `--- direct\t1\n+++ through\t2\n-${before}\n+${after}\n`;
const verdict = (...args: Parameters<typeof compareRuns>) => compareRuns(...args).map(row => row.verdict);

describe('comparing two runs of the regression suite', () => {
  test('two passes are the same, whichever right answer each gave', () => {
    expect(verdict(ran(true, 'a'), ran(true, 'b'), [], replaced)).toEqual(['same']);
  });

  test('a test that fails both ways is the same only when it fails alike to the byte', () => {
    expect(verdict(ran(false, 'a'), ran(false, 'a'), [], replaced)).toEqual(['same']);
    expect(verdict(ran(false, 'a'), ran(false, 'b'), [], replaced)).toEqual(['different']);
  });

  test('a test that passes direct and fails through the gateway is a difference', () => {
    expect(verdict(ran(true, 'a'), ran(false, 'b'), [], replaced)).toEqual(['different']);
  });

  test('an exception excuses its cause, what it says may follow, and rows', () => {
    const direct = ran(true, 'ERROR:  no such row');

    expect(verdict(direct, ran(false, 'ERROR:  refused'), [exception], replaced)).toEqual(['excepted']);
    expect(verdict(direct, ran(false, 'ERROR:  refused\n+ 17'), [exception], replaced)).toEqual(['excepted']);
  });

  test('an exception excuses neither another error nor a difference without its cause', () => {
    const direct = ran(true, '1');
    const another = ran(false, 'ERROR:  refused\n+ERROR:  out of memory');
    const lost = ran(false, 'ERROR:  refused\n+connection to server was lost');

    expect(verdict(direct, another, [exception], replaced)).toEqual(['different']);
    expect(verdict(direct, lost, [exception], replaced)).toEqual(['different']);
    expect(verdict(direct, ran(false, 'ERROR:  no such row'), [exception], replaced)).toEqual(['different']);
    expect(verdict(direct, ran(false, '2'), [exception], replaced)).toEqual(['different']);
  });

  test('an exception that is not needed is reported', () => {
    expect(verdict(ran(true), ran(true), [exception], replaced)).toEqual(['stale']);
  });

  test('a test that one run never reached is a difference that no exception excuses', () => {
    expect(verdict(ran(true), new Map(), [exception], () => '')).toEqual(['different']);
    expect(verdict(new Map(), ran(true), [exception], () => '')).toEqual(['different']);
  });

  test('the lines that changed leave out the header of the diff, not lines that look like one', () => {
    const diff = '--- direct\t2026-01-01\n+++ through\t2026-01-01\n@@ -1 +1 @@\n same\n--- a comment\n+x\n';

    expect(changedLines(diff)).toEqual(['-- a comment', 'x']);
  });
});

describe('reading what pg_regress prints', () => {
  test('single tests and tests of a parallel group are both found', () => {
    const printed = [
      'test test_setup                   ... ok         1094 ms',
      'parallel group (2 tests):  char boolean',
      '     boolean                      ... ok           98 ms',
      '     char                         ... FAILED (test process exited with exit code 2)       60 ms',
      'test random                       ... failed (ignored)       12 ms',
      '',
    ].join('\n');

    expect([...parseVerdicts(printed)]).toEqual([
      ['test_setup', true],
      ['boolean', true],
      ['char', false],
      ['random', false],
    ]);
  });
});
