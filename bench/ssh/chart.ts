import type { Machine } from '../machine.ts';
import { draw } from '../picture.ts';
import type { Summary } from '../summary.ts';
import { echoLoads } from './workloads/echo.ts';
import { smallFileLoads } from './workloads/small-files.ts';
import { transferLoads } from './workloads/transfer.ts';

/** A bar for each transfer: its rate as a ratio to direct's; the echo in words below. */
export function sshChart(summary: Summary, machine: Machine, command: string): string {
  const row = (quantity: 'bulkRate' | 'fileRate') => (load: string) => ({
    label: load,
    ratios: [summary.ratio(quantity, load, 'sallyport')],
  });
  const us = (value: number | undefined) => (value === undefined ? 'not measured' : `${value.toFixed(0)} us`);
  return draw({
    title: 'What the gateway costs SSH: rates of scp and sftp as ratios to a direct connection',
    heading: 'Ratio to a direct connection: scp and sftp, whole commands',
    legs: [{ name: 'sallyport', colour: '#0b6e4f' }],
    rows: [...transferLoads.map(row('bulkRate')), ...smallFileLoads.map(row('fileRate'))],
    notes: echoLoads.map(
      load =>
        `${load}, p50: direct ${us(summary.value('p50', load, 'direct'))}, through Sallyport ${us(summary.value('p50', load, 'sallyport'))}`,
    ),
    machine,
    command,
  });
}
