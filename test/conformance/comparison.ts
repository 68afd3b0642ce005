import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exception } from './postgres-exceptions.ts';
import type { Outcome } from './postgres-regress.ts';

/**
 * One test, both ways. `same`: both as PostgreSQL expects, or both otherwise and alike to the byte.
 * `excepted`: they differ as an exception says. `different`: they differ otherwise. `stale`: listed as an
 * exception and yet the same, so that the list has to lose it.
 */
export interface Row {
  readonly test: string;
  readonly direct: string;
  readonly through: string;
  readonly verdict: 'same' | 'excepted' | 'different' | 'stale';
  /** A unified diff of what psql printed; empty where it is the same. */
  readonly diff: string;
  /** Of the exception, if there is one. */
  readonly reason: string;
}

/** Gives a unified diff of two texts. */
export type Diff = (before: string, after: string) => string;

/** Compares two runs test by test. A test that only one run has is a difference that no exception excuses. */
export function compareRuns(
  direct: ReadonlyMap<string, Outcome>,
  through: ReadonlyMap<string, Outcome>,
  exceptions: readonly Exception[],
  diff: Diff,
): Row[] {
  return [...new Set([...direct.keys(), ...through.keys()])].map(test => {
    const a = direct.get(test);
    const b = through.get(test);
    const exception = exceptions.find(each => each.test === test);
    const row = { test, direct: word(a), through: word(b), reason: exception?.reason ?? '' };
    if (a !== undefined && b !== undefined && alike(a, b)) {
      return { ...row, verdict: exception === undefined ? 'same' : 'stale', diff: '' };
    }
    const difference = diff(a?.output ?? '', b?.output ?? '');
    const bothRan = a !== undefined && b !== undefined;
    const listed = bothRan && exception !== undefined && excuses(exception, changedLines(difference));
    return { ...row, verdict: listed ? 'excepted' : 'different', diff: difference };
  });
}

/** Whether an exception covers every line that differs, and its own cause is among them. */
function excuses({ because, says }: Exception, lines: readonly string[]): boolean {
  const reports = lines.filter(line => /^(?:ERROR|FATAL|PANIC|WARNING|psql|connection|SSL)\b/.test(line));
  return (
    lines.some(line => because.test(line)) &&
    reports.every(line => [because, ...says].some(pattern => pattern.test(line)))
  );
}

/** pg_regress knows several right answers to some tests, so two passes are alike whatever they printed. */
const alike = (a: Outcome, b: Outcome) => a.ok === b.ok && (a.ok || a.output === b.output);

const word = (outcome: Outcome | undefined) =>
  outcome === undefined ? 'not run' : outcome.ok ? 'ok' : 'failed';

/** The lines that a unified diff takes away or adds, without their sign. */
export function changedLines(diff: string): string[] {
  return diff
    .split('\n')
    .filter(line => /^[-+]/.test(line) && !/^(--- |\+\+\+ )\S+\t/.test(line))
    .map(line => line.slice(1));
}

/** The system's `diff -U3`, by way of two files in `folder`. */
export function unifiedDiff(folder: string): Diff {
  return (before, after) => {
    writeFileSync(join(folder, 'direct'), before, 'latin1');
    writeFileSync(join(folder, 'through'), after, 'latin1');
    const result = spawnSync('diff', ['-U3', 'direct', 'through'], {
      cwd: folder,
      encoding: 'latin1',
      maxBuffer: 2 ** 28,
    });
    if (result.error !== undefined || (result.status ?? 2) > 1) {
      throw new Error(`diff failed: ${result.stderr}`, { cause: result.error });
    }
    return result.stdout;
  };
}
