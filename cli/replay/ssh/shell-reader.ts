import { type Mark, Screen } from '#cli/replay/terminal/screen.ts';

/** What was read from the screen of a shell. Times are nanoseconds since the session opened. */
export type Reading =
  /** A line was entered, as it was echoed. */
  | { readonly kind: 'entered'; readonly atNs: number; readonly command: string }
  /** What was shown until the next line was begun. */
  | { readonly kind: 'shown'; readonly atNs: number; readonly shown: ShownOnScreen }
  /** Emulation took too long: nothing is read from here on. */
  | { readonly kind: 'exhausted'; readonly atNs: number };

export interface ShownOnScreen {
  readonly lines: readonly string[];
  readonly moreLines: number;
  /** The first lines were out of reach. */
  readonly headLost: boolean;
  /** A program used the whole screen meanwhile: what it showed is not among the lines. */
  readonly fullScreen: boolean;
}

export interface ShellReaderOptions {
  /** Lines kept of what is shown between two commands. */
  readonly rows: number;
  readonly limitMs: number;
  readonly now?: () => number;
}

const maxWaitingBytes = 64 * 1024;
const maxCommand = 8_192;
const maxCommandRows = 100;
/** Lines that may pass before the echo of an entered line is not expected any more. */
const maxLinesToEcho = 200;
/** What is shown is read when so many lines of it are there: later they may be out of reach. */
const linesBeforeRead = 4_000;

/**
 * Reads the commands of a shell from its screen: what stands, when Enter is pressed, behind the place where the
 * first key was typed. So it is read as the shell showed it, after history, completion and corrections.
 *
 * An aid and no boundary. Known limits: what is typed before the prompt is there is found only behind a prompt
 * that was seen before; a search in the history is read as the shell prints it in the end; what is typed into a
 * program that uses the whole screen is not read; a program that draws like a shell is read like one; lines of
 * which no key was recorded (no echo) are not read.
 */
export class ShellReader {
  readonly #screen: Screen;
  readonly #rows: number;
  #waiting: string[] = [];
  #waitingLength = 0;
  /** Where the first key of the line was typed. */
  #mark: Mark | undefined;
  /** What stood before it. */
  #prompt = '';
  /** When each Enter was pressed whose echo is still to come. */
  #entered: number[] = [];
  #linesToEcho = 0;
  /** Where what was shown since the last command begins. */
  #shownFrom: Mark | undefined;
  #shownAtNs = 0;
  /** The first lines of it, where they had to be read early, and the line feeds since. */
  #head: readonly string[] | undefined;
  #lineFeeds = 0;
  /** Something was shown since the line was begun that belongs to no line of ours. */
  #stale = false;
  #fullScreen = false;
  #resizeTo: { readonly cols: number; readonly rows: number } | undefined;
  #saidExhausted = false;

  constructor(cols: number, rows: number, options: ShellReaderOptions) {
    this.#screen = new Screen(cols, rows, options.limitMs, options.now);
    this.#rows = options.rows;
    this.#shownFrom = this.#screen.mark();
  }

  /** Takes effect before the next output: whoever drags a window's edge sends hundreds. */
  resize(cols: number, rows: number): void {
    this.#resizeTo = { cols, rows };
  }

  /** Bytes that were shown. */
  async *output(bytes: Buffer, atNs: number): AsyncGenerator<Reading, void, void> {
    if (this.#screen.exhausted) {
      yield* this.#exhausted(atNs);
      return;
    }
    if (this.#resizeTo) {
      await this.#flush();
      this.#screen.resize(this.#resizeTo.cols, this.#resizeTo.rows);
      this.#resizeTo = undefined;
    }
    let text = this.#screen.filter(bytes);
    while (this.#entered.length > 0) {
      const lineFeed = text.indexOf('\n');
      if (lineFeed < 0) break;
      this.#wait(text.slice(0, lineFeed));
      await this.#flush();
      yield* this.#lineEnds();
      this.#wait('\n');
      text = text.slice(lineFeed + 1);
      if (this.#shownFrom === undefined) {
        await this.#flush();
        this.#shownFrom = this.#screen.mark();
      }
    }
    this.#wait(text);
    if (text.includes('\n')) this.#stale = true;
    if (this.#waitingLength > maxWaitingBytes) await this.#flush();
  }

  /** Keys that the recording has. */
  async *keys(bytes: Buffer, atNs: number): AsyncGenerator<Reading, void, void> {
    if (this.#screen.exhausted) {
      yield* this.#exhausted(atNs);
      return;
    }
    await this.#flush();
    if (this.#screen.alternate) {
      this.#forgetLine();
      return;
    }
    // Keys that were no line, such as the one that ended a pager: this one may begin a line.
    const elsewhere = this.#stale && this.#entered.length === 0 && !this.#promptStands();
    if (this.#mark === undefined || elsewhere) {
      this.#mark?.dispose();
      this.#mark = this.#screen.mark();
      if (this.#mark?.row !== undefined && this.#mark.col > 0) {
        const before = this.#screen.before(this.#mark.row, this.#mark.col);
        if (before.trim() !== '') this.#prompt = before;
      }
      if (this.#entered.length === 0) {
        yield* this.#shown(this.#screen.cursorRow - 1);
        // Should this line turn out to be no command, it is shown with what follows.
        this.#shownFrom = this.#screen.mark();
        this.#shownAtNs = atNs;
      }
    }
    this.#stale = false;
    for (const byte of bytes) {
      // Carriage return and line feed both enter a line.
      if (byte === 0x0d || byte === 0x0a) this.#enter(atNs);
    }
  }

  /**
   * The recording keeps back what was typed: it is a secret, or nobody can tell. Of a line that was begun with an
   * echo, what the screen has is still read.
   */
  withheld(atNs: number): void {
    if (this.#mark) this.#enter(atNs);
    else this.#forgetLine();
  }

  /** The terminal is gone: what was shown last. */
  async *end(atNs: number): AsyncGenerator<Reading, void, void> {
    await this.#flush();
    if (this.#screen.exhausted) yield* this.#exhausted(atNs);
    else if (!this.#screen.alternate) yield* this.#shown(this.#screen.cursorRow);
    this.#screen.dispose();
  }

  /** What the line was begun behind is still there. */
  #promptStands(): boolean {
    const mark = this.#mark;
    return (
      mark?.row !== undefined && mark.col > 0 && this.#screen.before(mark.row, mark.col) === this.#prompt
    );
  }

  /** The line that the cursor is on has ended: it is the echo of one that was entered, or something else. */
  *#lineEnds(): Generator<Reading, void, void> {
    const command = this.#screen.alternate ? undefined : this.#command();
    if (command === undefined) {
      this.#linesToEcho--;
      if (this.#linesToEcho <= 0) this.#forgetLine();
      return;
    }
    const atNs = this.#entered.shift()!;
    this.#mark?.dispose();
    this.#mark = undefined;
    this.#shownFrom?.dispose();
    this.#shownFrom = undefined;
    this.#shownAtNs = atNs;
    this.#fullScreen = false;
    this.#head = undefined;
    // The line feed of the echo is none of what is shown.
    this.#lineFeeds = -1;
    if (command !== '') yield { kind: 'entered', atNs, command };
  }

  /** What was entered on the cursor's line; undefined: that is no such line. */
  #command(): string | undefined {
    const row = this.#screen.cursorRow;
    const line = this.#screen.lines(this.#screen.lineStart(row), row).join('\n');
    const prompt = this.#prompt;
    if (prompt !== '' && line.startsWith(prompt.trimEnd())) return tidy(line.slice(prompt.length));
    const begun = this.#mark?.row;
    if (begun === undefined || begun > row || row - begun > maxCommandRows) return undefined;
    // Typed before the prompt was there: it stands behind what was echoed at first.
    const late = prompt !== '' && this.#mark!.col === 0 ? line.indexOf(prompt) : -1;
    if (late >= 0) return tidy(line.slice(late + prompt.length));
    // A command of several lines, out of the history.
    return tidy(this.#screen.lines(begun, row).join('\n').slice(this.#mark!.col));
  }

  *#shown(lastRow: number): Generator<Reading, void, void> {
    const mark = this.#shownFrom;
    this.#shownFrom = undefined;
    if (mark === undefined && !this.#fullScreen) return;
    // A mark is lost with its line, which has scrolled off, or was erased.
    const lost = mark !== undefined && mark.row === undefined;
    const erased = lost && !this.#screen.full;
    if (erased) this.#fullScreen = true;
    const from = mark?.row ?? 0;
    mark?.dispose();
    const head = this.#head;
    this.#head = undefined;
    const all = head ?? (erased ? [] : this.#screen.lines(from, lastRow));
    const rows = tidyRows(all);
    if (rows.length === 0 && !this.#fullScreen) return;
    const lines = rows.slice(0, this.#rows);
    const moreLines = head ? Math.max(this.#lineFeeds - lines.length, 0) : rows.length - lines.length;
    const headLost = lost && !erased && !head;
    yield {
      kind: 'shown',
      atNs: this.#shownAtNs,
      shown: { lines, moreLines, headLost, fullScreen: this.#fullScreen },
    };
    this.#fullScreen = false;
  }

  *#exhausted(atNs: number): Generator<Reading, void, void> {
    if (this.#saidExhausted) return;
    this.#saidExhausted = true;
    this.#waiting = [];
    yield { kind: 'exhausted', atNs };
  }

  #enter(atNs: number): void {
    this.#linesToEcho = maxLinesToEcho;
    if (this.#entered.length < maxLinesToEcho) this.#entered.push(atNs);
  }

  #forgetLine(): void {
    this.#mark?.dispose();
    this.#mark = undefined;
    this.#entered = [];
  }

  #readEarly(): void {
    const from = this.#shownFrom?.row;
    if (this.#head || from === undefined || this.#screen.alternate) return;
    if (this.#screen.cursorRow - from < linesBeforeRead) return;
    this.#head = this.#screen.lines(from, from + linesBeforeRead).slice(0, this.#rows);
  }

  #wait(text: string): void {
    if (text === '') return;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineFeeds++;
    this.#waiting.push(text);
    this.#waitingLength += text.length;
  }

  async #flush(): Promise<void> {
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingLength = 0;
    await this.#screen.write(text, () => this.#readEarly());
    if (this.#screen.alternate) this.#fullScreen = true;
  }
}

const tidy = (command: string): string => command.slice(0, maxCommand).trim();

/** Without empty lines before and behind. */
function tidyRows(rows: readonly string[]): readonly string[] {
  const first = rows.findIndex(row => row !== '');
  return first < 0 ? [] : rows.slice(first, rows.findLastIndex(row => row !== '') + 1);
}
