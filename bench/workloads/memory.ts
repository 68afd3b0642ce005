import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Leg, libpqEnvironment } from '../legs/leg.ts';
import { memoryKib } from '../process-usage.ts';
import { runDiscarding } from './client.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** PostgreSQL allows a value of just under 1 GiB; psql and the server hold it whole, what is between must not. */
const LARGE_VALUE = "SELECT repeat('0123456789abcdef', 1000000000 / 16)";

/** How long the stalled reader reads nothing. */
const STALL_MS = 4000;

/** The most that the processes in between grew while `action` ran, in MiB. */
async function growth(leg: Leg, action: () => Promise<unknown>): Promise<number> {
  // Resets the peak (proc_pid_clear_refs(5)), which the kernel allows to the owner and to root.
  for (const pid of leg.pids) await writeFile(`/proc/${pid}/clear_refs`, '5');
  const before = memoryKib(leg.pids, 'VmRSS');
  await action();
  // The kernel's peak lags a little behind: nothing grew where it seems to have shrunk.
  return Math.max(0, memoryKib(leg.pids, 'VmHWM') - before) / 1024;
}

const largeValue: Workload = {
  load: 'one value of 1 GB',
  needsProxy: true,
  once: true,
  measure: async (leg, context) => [
    {
      quantity: 'memoryGrowth',
      load: 'one value of 1 GB',
      value: await growth(leg, () => runDiscarding(LARGE_VALUE, leg, context)),
    },
  ],
};

const stalledReader: Workload = {
  load: 'stalled reader',
  needsProxy: true,
  once: true,
  measure: async (leg, context) => [
    { quantity: 'memoryGrowth', load: 'stalled reader', value: await growth(leg, () => stall(leg, context)) },
  ],
};

/** psql asks for 250 MB and stops reading, since nobody reads the pipe that it writes to. */
async function stall(leg: Leg, context: WorkloadContext): Promise<void> {
  const psql = spawn(join(context.target.postgres.bin, 'psql'), ['-Xqc', 'COPY bulk TO STDOUT'], {
    env: libpqEnvironment(leg),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(psql, 'exit');
  await once(psql.stdout, 'readable');
  await sleep(STALL_MS);
  psql.kill('SIGKILL');
  await gone;
}

/** The most memory that a leg's processes ever had, at the end of everything else. */
const peak: Workload = {
  load: 'whole run',
  needsProxy: true,
  once: true,
  measure: async leg => [
    { quantity: 'peakMemory', load: 'whole run', value: memoryKib(leg.pids, 'VmHWM') / 1024 },
  ],
};

export const memory: readonly Workload[] = [largeValue, stalledReader];
export const peakMemory: readonly Workload[] = [peak];
