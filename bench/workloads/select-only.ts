import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quantile } from '../statistics.ts';
import { printed, runClient } from './client.ts';
import type { Measurement, Workload } from './workload.ts';

const LOG_PREFIX = 'pgbench-latency';

export const queryModes = ['simple', 'prepared'] as const;
export const clientCounts = [1, 8, 32] as const;

/** e.g. `simple, 8 clients` */
export const selectOnlyLoad = (mode: string, clients: number) =>
  `${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;

export const selectOnlyLoads = queryModes.flatMap(mode =>
  clientCounts.map(clients => selectOnlyLoad(mode, clients)),
);

/** pgbench's select-only script: one primary-key look-up a transaction, one transaction a statement. */
export const selectOnly: readonly Workload[] = queryModes.flatMap(mode =>
  clientCounts.map(clients => {
    const load = selectOnlyLoad(mode, clients);
    return {
      load,
      needsProxy: false,
      once: false,
      measure: async (leg, context) => {
        const shape = ['-n', '-S', '-M', mode, '-c', String(clients), '-j', String(Math.min(clients, 2))];
        // Signing in alone, with one statement a client: pgbench counts its time as part of a run, and the
        // kernel its CPU. Both are taken off.
        const signIn = await runClient('pgbench', [...shape, '-t', '1'], leg, context);
        const duration =
          context.seconds + Math.ceil(printed(signIn.stdout, 'initial connection time =') / 1000);
        // The log of every transaction costs pgbench a little; with one client every leg pays the same.
        const log = clients === 1 ? ['--log', `--log-prefix=${join(context.folder, LOG_PREFIX)}`] : [];
        const run = await runClient('pgbench', [...shape, '-T', String(duration), ...log], leg, context);
        const statements = printed(run.stdout, 'number of transactions actually processed:') - clients;
        if (statements <= 0) throw new Error(`hardly a statement got through ${leg.name}: ${run.stdout}`);
        if (printed(run.stdout, 'number of failed transactions:') !== 0) {
          throw new Error(`pgbench had failed transactions over ${leg.name}: ${run.stdout}`);
        }
        const found: Measurement[] = [{ quantity: 'throughput', load, value: printed(run.stdout, 'tps =') }];
        if (leg.pids.length > 0) {
          const value = Math.max(0, run.proxyCpuUs - signIn.proxyCpuUs) / statements;
          found.push({ quantity: 'cpuPerStatement', load, value });
        }
        if (clients === 1) {
          const latencies = await takeLatencies(context.folder);
          found.push({ quantity: 'p50', load, value: quantile(latencies, 0.5) });
          found.push({ quantity: 'p99', load, value: quantile(latencies, 0.99) });
        }
        return found;
      },
    } satisfies Workload;
  }),
);

/** Reads and removes pgbench's log: `client transaction latency_us script epoch us` a line. */
async function takeLatencies(folder: string): Promise<number[]> {
  const latencies: number[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${LOG_PREFIX}.`)) continue;
    const path = join(folder, name);
    for (const line of (await readFile(path, 'latin1')).split('\n')) {
      const field = line.split(' ')[2];
      if (field !== undefined) latencies.push(Number(field));
    }
    await rm(path);
  }
  return latencies;
}
