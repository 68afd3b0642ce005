import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Leg, libpqEnvironment } from '../legs/leg.ts';
import { cpuTimeUs } from '../process-usage.ts';
import type { WorkloadContext } from './workload.ts';

const run = promisify(execFile);

/** What one run of a client program took. */
export interface ClientRun {
  readonly stdout: string;
  /** From the program's start to its end, sign-in included. */
  readonly seconds: number;
  /** What the processes in between used meanwhile; 0 without any. */
  readonly proxyCpuUs: number;
}

/** Runs one of PostgreSQL's client programs over a leg. @throws Error with its words when it fails */
export async function runClient(
  program: 'pgbench' | 'psql',
  args: readonly string[],
  leg: Leg,
  context: WorkloadContext,
): Promise<ClientRun> {
  return timed(leg, () =>
    run(join(context.target.postgres.bin, program), args, {
      cwd: context.folder,
      env: libpqEnvironment(leg),
      signal: context.signal,
      timeout: (context.seconds + 120) * 1000,
    }),
  );
}

/** Runs SQL by psql, whose output goes to /dev/null without passing through this process. */
export async function runDiscarding(sql: string, leg: Leg, context: WorkloadContext): Promise<ClientRun> {
  const psql = join(context.target.postgres.bin, 'psql');
  const script = 'exec "$0" -XqAt -v ON_ERROR_STOP=1 -c "$1" > /dev/null';
  return timed(leg, () =>
    run('/bin/sh', ['-c', script, psql, sql], {
      cwd: context.folder,
      env: libpqEnvironment(leg),
      signal: context.signal,
      timeout: 120_000,
    }),
  );
}

async function timed(leg: Leg, action: () => Promise<{ stdout: string }>): Promise<ClientRun> {
  const cpu = cpuTimeUs(leg.pids);
  const began = performance.now();
  const { stdout } = await action();
  const seconds = (performance.now() - began) / 1000;
  return { stdout, seconds, proxyCpuUs: cpuTimeUs(leg.pids) - cpu };
}

/** The number that pgbench prints after `label`. @throws Error with what it printed instead */
export function printed(stdout: string, label: string): number {
  const at = stdout.indexOf(label);
  const value = Number.parseFloat(stdout.slice(at + label.length));
  if (at < 0 || !Number.isFinite(value)) throw new Error(`pgbench printed no "${label}": ${stdout}`);
  return value;
}
