import { chown, cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '#local/child.ts';
import { unprivileged } from '#local/unprivileged.ts';
import type { DebianPostgres } from '../../bench/debian-postgres.ts';

/** How pg_regress judged one test, and what psql printed in it. */
export interface Outcome {
  readonly ok: boolean;
  /** Everything psql wrote, byte for byte (latin1): statements, results, errors, notices. */
  readonly output: string;
}

/** Where psql connects. */
export interface Route {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** May be a token. */
  readonly password: string;
  readonly database: string;
  /** More of libpq's environment: PGSSLMODE, PGSSLROOTCERT. */
  readonly env: Readonly<Record<string, string>>;
}

export interface RegressRun {
  readonly postgres: DebianPostgres;
  /** The suite as `regressionSuite` made it; copied, so that the server's account can read it. */
  readonly suite: string;
  /** The copy and the results go here. */
  readonly folder: string;
  readonly route: Route;
  /** Only these tests, one after another; empty: the whole parallel schedule. */
  readonly only: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs pg_regress over `route` and gives each test's outcome, in the order in which it ran them.
 *
 * @throws Error when it judged no test at all: then it could not connect, and says so
 */
export async function runRegress(options: RegressRun): Promise<Map<string, Outcome>> {
  const { folder, route, postgres } = options;
  const input = join(folder, 'suite');
  const output = join(folder, 'output');
  const log = join(folder, 'pg_regress.log');
  await cp(options.suite, input, { recursive: true });
  await mkdir(output);
  if (unprivileged !== undefined) await chown(output, unprivileged.uid, unprivileged.gid);
  const child = await startChild({
    command: join(postgres.lib, 'pgxs/src/test/regress/pg_regress'),
    args: [
      `--inputdir=${input}`,
      `--outputdir=${output}`,
      `--dlpath=${join(input, 'lib')}`,
      `--bindir=${postgres.bin}`,
      '--use-existing',
      `--dbname=${route.database}`,
      `--host=${route.host}`,
      `--port=${route.port}`,
      `--user=${route.user}`,
      '--no-locale',
      '--encoding=UTF8',
      // As wide as the schedule's widest group: many sessions at once are part of what is tried.
      '--max-connections=20',
      ...(options.only.length > 0 ? options.only : [`--schedule=${join(input, 'parallel_schedule')}`]),
    ],
    cwd: output,
    env: {
      PATH: process.env['PATH'] ?? '',
      PGPASSWORD: route.password,
      PGCONNECT_TIMEOUT: '30',
      ...route.env,
    },
    logFile: log,
    as: unprivileged,
    endSignal: 'SIGTERM',
  });
  const stop = () => child.kill('SIGTERM');
  options.signal.addEventListener('abort', stop);
  await child.exited;
  options.signal.removeEventListener('abort', stop);
  options.signal.throwIfAborted();
  const printed = await readFile(log, 'utf8');
  const verdicts = parseVerdicts(printed);
  if (verdicts.size === 0) throw new Error(`pg_regress judged no test:\n${printed}`);
  const outcomes = new Map<string, Outcome>();
  for (const [name, ok] of verdicts) {
    const text = await readFile(join(output, 'results', `${name}.out`), 'latin1').catch(() => '');
    outcomes.set(name, { ok, output: text });
  }
  return outcomes;
}

/** `test NAME ... ok 12 ms`, or, in a parallel group, the same indented and without `test`. */
const VERDICT = /^(?:test| {4}) ?(\S+)\s+\.\.\. (ok|failed|FAILED)\b/gm;

/** Whether each test passed, from what pg_regress of PostgreSQL 15 prints. */
export function parseVerdicts(printed: string): Map<string, boolean> {
  return new Map([...printed.matchAll(VERDICT)].map(match => [match[1] ?? '', match[2] === 'ok']));
}
