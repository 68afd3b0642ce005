import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Leg } from '../legs/leg.ts';
import { BULK_STEP, BULK_STEPS } from '../target.ts';
import { type ClientRun, runClient, runDiscarding } from './client.ts';
import type { Measurement, Workload, WorkloadContext } from './workload.ts';

/**
 * The whole table, over 250 MB, read by SELECT: DataRow messages. pgbench throws results away but collects
 * each one first, so the table is read in steps of some 8 MB.
 */
const bySelect: Workload = {
  load: 'SELECT',
  needsProxy: false,
  once: false,
  measure: async (leg, context) => {
    const script = join(context.folder, 'bulk.sql');
    const range = `id > :step * ${BULK_STEP} AND id <= (:step + 1) * ${BULK_STEP}`;
    await writeFile(script, `SELECT * FROM bulk WHERE ${range};\n\\set step (:step + 1) % ${BULK_STEPS}\n`);
    const args = ['-n', '-f', script, '-D', 'step=0', '-c', '1', '-t', String(BULK_STEPS)];
    return rates('SELECT', leg, context, await runClient('pgbench', args, leg, context));
  },
};

/** The same by COPY: CopyData messages, one statement. */
const byCopy: Workload = {
  load: 'COPY',
  needsProxy: false,
  once: false,
  measure: async (leg, context) =>
    rates('COPY', leg, context, await runDiscarding('COPY bulk TO STDOUT', leg, context)),
};

export const bulk: readonly Workload[] = [bySelect, byCopy];
export const bulkLoads = bulk.map(each => each.load);

/** Megabytes (10^6 bytes) of column text; the protocol's own bytes are not counted. */
function rates(load: string, leg: Leg, context: WorkloadContext, run: ClientRun): Measurement[] {
  const megabytes = context.bulkBytes / 1e6;
  const found: Measurement[] = [{ quantity: 'bulkRate', load, value: megabytes / run.seconds }];
  if (leg.pids.length > 0) {
    found.push({ quantity: 'cpuPerMegabyte', load, value: run.proxyCpuUs / 1000 / megabytes });
  }
  return found;
}
