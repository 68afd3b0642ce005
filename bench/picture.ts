import type { LegName } from './legs/leg.ts';
import type { Machine } from './machine.ts';

export interface Picture {
  readonly title: string;
  readonly heading: string;
  readonly legs: readonly { readonly name: LegName; readonly colour: string }[];
  /** Each with a ratio to direct for each leg; undefined: not measured. */
  readonly rows: readonly { readonly label: string; readonly ratios: readonly (number | undefined)[] }[];
  /** Lines below the bars. */
  readonly notes?: readonly string[];
  readonly machine: Machine;
  readonly command: string;
}

const WIDTH = 820;
const LEFT = 190;
const RIGHT = 60;
const BAR = 11;
const GAP = 14;
const TOP = 78;
const NOTE = 14;
const AXIS = 1.6;

/**
 * Bars of ratios to a direct connection as SVG. The line at 1 is direct; a bar that goes beyond the axis is cut
 * and says its number all the same.
 */
export function draw({ title, heading, legs, rows, notes = [], machine, command }: Picture): string {
  const x = (ratio: number) => LEFT + (Math.min(ratio, AXIS) / AXIS) * (WIDTH - LEFT - RIGHT);
  const bottom = TOP + rows.length * (legs.length * BAR + GAP);
  const height = bottom + notes.length * NOTE + 48;
  const parts: string[] = [];
  const text = (at: number, y: number, words: string, more = '') =>
    parts.push(`<text x="${at.toFixed(1)}" y="${y}"${more}>${xml(words)}</text>`);

  text(12, 22, heading, ' font-weight="bold"');
  legs.forEach(({ name, colour }, index) => {
    parts.push(`<rect x="${12 + index * 130}" y="36" width="12" height="12" fill="${colour}"/>`);
    text(30 + index * 130, 46, name);
  });
  for (const tick of [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]) {
    const stroke = tick === 1 ? '#222' : '#ddd';
    parts.push(`<path d="M${x(tick).toFixed(1)} ${TOP - 6}V${bottom}" stroke="${stroke}"/>`);
    text(x(tick), TOP - 10, tick === 1 ? 'direct = 1' : String(tick), ' text-anchor="middle" fill="#555"');
  }
  rows.forEach(({ label, ratios }, row) => {
    const y = TOP + row * (legs.length * BAR + GAP);
    text(LEFT - 8, y + (legs.length * BAR) / 2 + 4, label, ' text-anchor="end"');
    legs.forEach(({ colour }, index) => {
      const ratio = ratios[index];
      if (ratio === undefined) return;
      const top = y + index * BAR;
      const width = (x(ratio) - LEFT).toFixed(1);
      parts.push(`<rect x="${LEFT}" y="${top}" width="${width}" height="${BAR - 2}" fill="${colour}"/>`);
      text(x(ratio) + 4, top + BAR - 3, ratio.toFixed(2), ' font-size="9"');
    });
  });
  const small = ' font-size="10" fill="#555"';
  const where = `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node.js ${machine.node}`;
  const lines = [
    ...notes,
    `${where}; client, server and proxies share the cores, loopback.`,
    `${command}, commit ${machine.commit ?? 'unknown'}`,
  ];
  lines.forEach((line, index) => {
    text(12, height - 10 - (lines.length - 1 - index) * NOTE, line, small);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${xml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const xml = (words: string) => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
