import type { LegName } from './legs/leg.ts';
import type { Machine } from './machine.ts';
import { draw } from './picture.ts';
import type { Summary } from './summary.ts';
import { bulkLoads } from './workloads/bulk.ts';
import { selectOnlyLoads } from './workloads/select-only.ts';

/** Legs in the picture; the report has them all. */
const SHOWN = [
  ['pgbouncer', '#8aa0b4'],
  ['pgbouncer-tls', '#5d7890'],
  ['haproxy-tls', '#b9a27c'],
  ['pump-tls', '#d8cdb8'],
  ['sallyport', '#0b6e4f'],
] as const satisfies readonly (readonly [LegName, string])[];

/** A bar for each leg and load: throughput or rate as a ratio to direct, medians. */
export function chart(summary: Summary, machine: Machine, command: string): string {
  const legs = SHOWN.filter(([leg]) => summary.samples.some(each => each.leg === leg));
  const row = (label: string, quantity: 'throughput' | 'bulkRate', load: string) => ({
    label,
    ratios: legs.map(([leg]) => summary.ratio(quantity, load, leg)),
  });
  return draw({
    title: 'What the gateway costs: throughput and bulk rates as ratios to a direct connection',
    heading: 'Ratio to a direct connection: throughput of select-only, rate of a bulk read',
    legs: legs.map(([name, colour]) => ({ name, colour })),
    rows: [
      ...selectOnlyLoads.map(load => row(load, 'throughput', load)),
      ...bulkLoads.map(load => row(`bulk read by ${load}`, 'bulkRate', load)),
    ],
    machine,
    command,
  });
}
