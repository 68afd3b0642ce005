import type { Judgement, OpenGoal } from './goals.ts';
import { type LegName, legNames } from './legs/leg.ts';
import type { Summary } from './summary.ts';
import type { Quantity } from './workloads/workload.ts';

type Cell = number | undefined;
type Row = readonly [label: string, ...cells: Cell[]];
type CellOf = (load: string, leg: LegName) => Cell;

/** Makes tables of a summary as text: one row a load, one column a leg; without a row that has no number. */
export function blocks(summary: Summary) {
  const legs = legNames.filter(leg => summary.samples.some(each => each.leg === leg));
  return {
    block: (title: string, digits: number, loads: readonly string[], cell: CellOf) =>
      table(
        title,
        legs,
        digits,
        loads.map(load => [load, ...legs.map(leg => cell(load, leg))] as const),
      ),
    plain:
      (quantity: Quantity): CellOf =>
      (load, leg) =>
        summary.value(quantity, load, leg),
  };
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

export function goalLines(judgements: readonly Judgement[], openGoals: readonly OpenGoal[] = []): string {
  const lines = judgements.map(each => {
    const number = (value: number | null) =>
      value === null ? '-' : value.toFixed(each.unit === 'of direct' ? 2 : 1);
    return `${each.verdict.padEnd(13)} ${each.what}: ${number(each.figure)} ${each.unit}, wanted ${each.want} ${number(each.limit)}`;
  });
  const open = openGoals.map(each => `not measured  ${each.what} (${each.why})`);
  return ['Goals', ...lines, ...open].join('\n');
}

/** Without the tables that have no row. */
export const joined = (texts: readonly string[]) => texts.filter(text => text !== '').join('\n\n');
