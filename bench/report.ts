import { type Judgement, openGoals } from './goals.ts';
import { type LegName, legNames } from './legs/leg.ts';
import type { Summary } from './summary.ts';
import { bulkLoads } from './workloads/bulk.ts';
import { selectOnlyLoads } from './workloads/select-only.ts';
import type { Quantity } from './workloads/workload.ts';

type Cell = number | undefined;
type Row = readonly [label: string, ...cells: Cell[]];

/** Everything that a run found, as text for a terminal: one row a load, one column a leg. */
export function report(summary: Summary, judgements: readonly Judgement[]): string {
  const legs = legNames.filter(leg => summary.samples.some(each => each.leg === leg));
  const block = (
    title: string,
    digits: number,
    loads: readonly string[],
    cell: (load: string, leg: LegName) => Cell,
  ) =>
    table(
      title,
      legs,
      digits,
      loads.map(load => [load, ...legs.map(leg => cell(load, leg))] as const),
    );
  const plain = (quantity: Quantity) => (load: string, leg: LegName) => summary.value(quantity, load, leg);
  const alone = selectOnlyLoads.filter(load => load.endsWith('1 client'));
  return [
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
    goalLines(judgements),
  ]
    .filter(text => text !== '')
    .join('\n\n');
}

function table(title: string, legs: readonly LegName[], digits: number, rows: readonly Row[]): string {
  const shown = rows.filter(([, ...cells]) => cells.some(cell => cell !== undefined));
  if (shown.length === 0) return '';
  const columns = legs
    .map((leg, index) => ({ leg, index }))
    .filter(({ index }) => shown.some(([, ...cells]) => cells[index] !== undefined));
  const width = Math.max(title.length, ...shown.map(([label]) => label.length));
  const line = (label: string, cells: readonly string[]) =>
    `${label.padEnd(width)}${cells.map(cell => cell.padStart(15)).join('')}`;
  const body = shown.map(([label, ...cells]) =>
    line(
      label,
      columns.map(({ index }) => cells[index]?.toFixed(digits) ?? '-'),
    ),
  );
  return [
    line(
      title,
      columns.map(({ leg }) => leg),
    ),
    ...body,
  ].join('\n');
}

function goalLines(judgements: readonly Judgement[]): string {
  const lines = judgements.map(each => {
    const number = (value: number | null) =>
      value === null ? '-' : value.toFixed(each.unit === 'of direct' ? 2 : 1);
    return `${each.verdict.padEnd(13)} ${each.what}: ${number(each.figure)} ${each.unit}, wanted ${each.want} ${number(each.limit)}`;
  });
  const open = openGoals.map(each => `not measured  ${each.what} (${each.why})`);
  return ['Goals', ...lines, ...open].join('\n');
}
