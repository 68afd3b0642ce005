import { z } from 'zod';

/** The part of `jest --json` that is looked at (https://jestjs.io/docs/cli#--json). */
const figures = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  numRuntimeErrorTestSuites: z.int(),
});

export interface Summary {
  readonly passed: number;
  /** Tests that failed, and files that could not be run at all. */
  readonly failed: number;
  /** Why the run does not count as good, besides failed tests. */
  readonly problems: readonly string[];
}

/**
 * @param json what jest wrote, undefined when it wrote nothing
 * @param options.whole all tests were asked for, so that a skipped one is a fault
 */
export function summarise(json: string | undefined, options: { readonly whole: boolean }): Summary {
  const none = { passed: 0, failed: 0, problems: ['jest wrote no figures'] };
  if (json === undefined) return none;
  const parsed = figures.safeParse(parse(json));
  if (!parsed.success) return none;
  const { numPassedTests: passed, numFailedTests, numRuntimeErrorTestSuites } = parsed.data;
  const skipped = parsed.data.numPendingTests + parsed.data.numTodoTests;
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  const problems: string[] = [];
  if (passed + failed === 0) problems.push('no test ran');
  if (options.whole && skipped > 0) problems.push(`${skipped} tests were skipped`);
  return { passed, failed, problems };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
