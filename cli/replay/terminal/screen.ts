import headless from '@xterm/headless';
import { DrawingFilter } from '#cli/replay/terminal/drawing-filter.ts';

/** A larger terminal is emulated at this size; its lines break elsewhere then. */
const maxCols = 500;
const maxRows = 200;
/** Lines that have scrolled off and can still be read. */
const scrollback = 10_000;
/** What is written before the clock is looked at. */
const sliceLength = 4_096;

export interface Mark {
  /** Row from the first that is still there; undefined: it has scrolled out of reach. */
  readonly row: number | undefined;
  readonly col: number;
  /** Free it: a screen keeps marks up to date as long as it has them. */
  dispose(): void;
}

/**
 * A terminal in memory (@xterm/headless), to read what a person saw. Bounded: in size, in scrollback, in time;
 * and it is only given what {@link DrawingFilter} lets through.
 */
export class Screen {
  readonly #terminal: headless.Terminal;
  readonly #filter = new DrawingFilter();
  readonly #now: () => number;
  #leftMs: number;

  /**
   * @param limitMs how long may be spent on emulation
   * @param now milliseconds, monotonic
   */
  constructor(cols: number, rows: number, limitMs: number, now: () => number = () => performance.now()) {
    this.#terminal = new headless.Terminal({ ...bounded(cols, rows), scrollback, allowProposedApi: true });
    this.#leftMs = limitMs;
    this.#now = now;
  }

  /** The time is used up: nothing is written any more, and what can be read is old. */
  get exhausted(): boolean {
    return this.#leftMs <= 0;
  }

  /** The oldest lines are being lost. */
  get full(): boolean {
    return this.#terminal.buffer.normal.baseY >= scrollback;
  }

  get alternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** What the filter lets through of a program's bytes, to be written later. */
  filter(bytes: Uint8Array): string {
    return this.#filter.filter(bytes);
  }

  /**
   * @param text from {@link filter}
   * @param between called now and then, before lines are lost that could be read the last time
   */
  async write(text: string, between: () => void): Promise<void> {
    for (let at = 0; at < text.length && !this.exhausted; at += sliceLength) {
      const begun = this.#now();
      await new Promise<void>(resolve =>
        this.#terminal.write(text.slice(at, at + sliceLength), () => resolve()),
      );
      between();
      this.#leftMs -= this.#now() - begun;
    }
  }

  resize(cols: number, rows: number): void {
    if (this.exhausted) return;
    const begun = this.#now();
    const size = bounded(cols, rows);
    this.#terminal.resize(size.cols, size.rows);
    this.#leftMs -= this.#now() - begun;
  }

  /** The cursor's place, which moves with its line. Undefined on the alternate screen, which has no past. */
  mark(): Mark | undefined {
    if (this.alternate) return undefined;
    const marker = this.#terminal.registerMarker(0);
    if (marker === undefined) return undefined;
    const col = this.#terminal.buffer.active.cursorX;
    return {
      get row() {
        return marker.isDisposed || marker.line < 0 ? undefined : marker.line;
      },
      col,
      dispose: () => marker.dispose(),
    };
  }

  /** The cursor's row, from the first that is still there. */
  get cursorRow(): number {
    const { baseY, cursorY } = this.#terminal.buffer.active;
    return baseY + cursorY;
  }

  /** Rows `from` to `to`, both included, as lines: those that the terminal broke are one. */
  lines(from: number, to: number): string[] {
    const lines: string[] = [];
    for (let row = from; row <= to; row++) {
      const line = this.#terminal.buffer.active.getLine(row);
      if (line === undefined) break;
      const goesOn = this.#terminal.buffer.active.getLine(row + 1)?.isWrapped === true && row < to;
      const text = line.translateToString(!goesOn);
      if (line.isWrapped && row > from) lines.push(`${lines.pop() ?? ''}${text}`);
      else lines.push(text);
    }
    return lines;
  }

  /** The first row of the line that `row` is part of. */
  lineStart(row: number): number {
    let first = row;
    while (first > 0 && this.#terminal.buffer.active.getLine(first)?.isWrapped) first--;
    return first;
  }

  /** Columns before `col` of a row. */
  before(row: number, col: number): string {
    return this.#terminal.buffer.active.getLine(row)?.translateToString(false, 0, col) ?? '';
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}

/** A size that a terminal may have, whatever a client said. */
export function bounded(cols: number, rows: number): { cols: number; rows: number } {
  const within = (value: number, least: number, most: number, usual: number) =>
    Number.isInteger(value) && value > 0 ? Math.min(Math.max(value, least), most) : usual;
  return { cols: within(cols, 2, maxCols, 80), rows: within(rows, 1, maxRows, 24) };
}
