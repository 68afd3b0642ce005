import { describe, expect, test } from '@jest/globals';
import { summarise } from '../../harness/summary.ts';

const figures = (changes: Record<string, number> = {}) =>
  JSON.stringify({
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    numRuntimeErrorTestSuites: 0,
    ...changes,
  });

describe('the summary of a test run', () => {
  test('gives the figures of jest', () => {
    expect(summarise(figures({ numFailedTests: 2 }), { whole: true })).toEqual({
      passed: 3,
      failed: 2,
      problems: [],
    });
  });

  test('counts a file that could not be run as failed', () => {
    expect(summarise(figures({ numRuntimeErrorTestSuites: 1 }), { whole: true }).failed).toBe(1);
  });

  test.each([
    ['nothing was written', undefined],
    ['what was written was cut off', figures().slice(0, 20)],
    ['what was written is something else', '{}'],
    ['no test ran', figures({ numPassedTests: 0 })],
    ['a test was skipped', figures({ numPendingTests: 1 })],
    ['a test is still to be written', figures({ numTodoTests: 1 })],
  ])('is not good when %s', (_, json) => {
    expect(summarise(json, { whole: true }).problems).toHaveLength(1);
  });

  test('takes skipped tests as wanted when only some were asked for', () => {
    expect(summarise(figures({ numPendingTests: 9 }), { whole: false }).problems).toEqual([]);
  });
});
