import { type LegName, legNames } from './legs/leg.ts';
import type { Machine } from './machine.ts';
import type { Summary } from './summary.ts';
import { bulkLoads } from './workloads/bulk.ts';
import { selectOnlyLoads } from './workloads/select-only.ts';

/** Legs in the picture; the report has them all. */
const SHOWN: Partial<Record<LegName, string>> = {
  pgbouncer: '#8aa0b4',
  'pgbouncer-tls': '#5d7890',
  'haproxy-tls': '#b9a27c',
  'pump-tls': '#d8cdb8',
  sallyport: '#0b6e4f',
};
const WIDTH = 820;
const LEFT = 190;
const RIGHT = 60;
const BAR = 11;
const GAP = 14;
const TOP = 78;

/**
 * A bar for each leg and load: throughput or rate as a ratio to direct, medians. The line at 1 is direct;
 * a bar that goes beyond the axis is cut and says its number all the same.
 */
export function chart(summary: Summary, machine: Machine, command: string): string {
  const legs = legNames.filter(
    leg => SHOWN[leg] !== undefined && summary.samples.some(each => each.leg === leg),
  );
  const groups = [
    ...selectOnlyLoads.map(load => ({ label: load, quantity: 'throughput', load }) as const),
    ...bulkLoads.map(load => ({ label: `bulk read by ${load}`, quantity: 'bulkRate', load }) as const),
  ];
  const axis = 1.6;
  const x = (ratio: number) => LEFT + (Math.min(ratio, axis) / axis) * (WIDTH - LEFT - RIGHT);
  const height = TOP + groups.length * (legs.length * BAR + GAP) + 48;
  const parts: string[] = [];
  const text = (at: number, y: number, words: string, more = '') =>
    parts.push(`<text x="${at.toFixed(1)}" y="${y}"${more}>${xml(words)}</text>`);

  text(
    12,
    22,
    'Ratio to a direct connection: throughput of select-only, rate of a bulk read',
    ' font-weight="bold"',
  );
  legs.forEach((leg, index) => {
    parts.push(`<rect x="${12 + index * 130}" y="36" width="12" height="12" fill="${SHOWN[leg]}"/>`);
    text(30 + index * 130, 46, leg);
  });
  for (const tick of [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]) {
    const stroke = tick === 1 ? '#222' : '#ddd';
    parts.push(`<path d="M${x(tick).toFixed(1)} ${TOP - 6}V${height - 48}" stroke="${stroke}"/>`);
    text(x(tick), TOP - 10, tick === 1 ? 'direct = 1' : String(tick), ' text-anchor="middle" fill="#555"');
  }
  groups.forEach((group, row) => {
    const y = TOP + row * (legs.length * BAR + GAP);
    text(LEFT - 8, y + (legs.length * BAR) / 2 + 4, group.label, ' text-anchor="end"');
    legs.forEach((leg, index) => {
      const ratio = summary.ratio(group.quantity, group.load, leg);
      if (ratio === undefined) return;
      const top = y + index * BAR;
      const width = (x(ratio) - LEFT).toFixed(1);
      parts.push(`<rect x="${LEFT}" y="${top}" width="${width}" height="${BAR - 2}" fill="${SHOWN[leg]}"/>`);
      text(x(ratio) + 4, top + BAR - 3, ratio.toFixed(2), ' font-size="9"');
    });
  });
  const where = `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node.js ${machine.node}`;
  text(
    12,
    height - 24,
    `${where}; client, server and proxies share the cores, loopback.`,
    ' font-size="10" fill="#555"',
  );
  text(12, height - 10, `${command}, commit ${machine.commit ?? 'unknown'}`, ' font-size="10" fill="#555"');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>What the gateway costs: throughput and bulk rates as ratios to a direct connection</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const xml = (words: string) => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
