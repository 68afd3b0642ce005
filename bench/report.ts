import { type Judgement, openGoals } from './goals.ts';
import type { Summary } from './summary.ts';
import { blocks, goalLines, joined } from './table.ts';
import { bulkLoads } from './workloads/bulk.ts';
import { selectOnlyLoads } from './workloads/select-only.ts';

/** Everything that a run found, as text for a terminal: one row a load, one column a leg. */
export function report(summary: Summary, judgements: readonly Judgement[]): string {
  const { block, plain } = blocks(summary);
  const alone = selectOnlyLoads.filter(load => load.endsWith('1 client'));
  return joined([
    block('Throughput, ratio to direct', 2, selectOnlyLoads, (load, leg) =>
      summary.ratio('throughput', load, leg),
    ),
    block('Throughput, statements/s', 0, selectOnlyLoads, plain('throughput')),
    block('Added latency p50, us', 0, alone, (load, leg) => summary.added('p50', load, leg)),
    block('Added latency p99, us', 0, alone, (load, leg) => summary.added('p99', load, leg)),
    block('CPU per statement in between, us', 1, selectOnlyLoads, plain('cpuPerStatement')),
    block('Bulk read, ratio to direct', 2, bulkLoads, (load, leg) => summary.ratio('bulkRate', load, leg)),
    block('Bulk read, MB/s', 0, bulkLoads, plain('bulkRate')),
    block('CPU per MB in between, ms', 2, bulkLoads, plain('cpuPerMegabyte')),
    block('One idle session, KiB', 0, ['idle'], plain('sessionMemory')),
    block('Session set-up, ms of CPU in between', 2, ['set-up'], plain('sessionCpu')),
    block('Session set-up, ms', 2, ['set-up'], plain('sessionTime')),
    block('Memory above base, MiB', 1, ['one value of 1 GB', 'stalled reader'], plain('memoryGrowth')),
    block('Peak memory, MiB', 0, ['whole run'], plain('peakMemory')),
    goalLines(judgements, openGoals),
  ]);
}
