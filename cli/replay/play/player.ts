import type { ChannelEvent } from '#cli/replay/ssh/channel-events.ts';
import { DrawingFilter } from '#cli/replay/terminal/drawing-filter.ts';

/** The reader's terminal, as far as a player needs it. */
export interface Stage {
  /** Resolves when more may be written. */
  write(text: string): Promise<void>;
  /**
   * Waits, or less long if a key is pressed meanwhile.
   * @param ms undefined: until a key is pressed
   * @returns the key's bytes as text; undefined: the time is over
   */
  wait(ms: number | undefined): Promise<string | undefined>;
  /** Milliseconds, monotonic. */
  now(): number;
}

export interface PlayOptions {
  /** So many times as fast. */
  readonly speed: number;
  /** Nobody waits longer than this for what comes next, at normal speed. */
  readonly idleLimitMs: number;
}

/** How it went on: `stopped`, or told to be at another time. */
type Ending = { readonly kind: 'over' | 'stopped' } | { readonly kind: 'seek'; readonly toMs: number };

const stepMs = 5_000;
const fastest = 64;
/**
 * What leaves a terminal as it was: the main screen, then no margins, origin or insert mode, reverse video or
 * colours, the usual characters, with cursor and wrapping. Setting margins moves the cursor, which is saved first.
 */
const clean =
  '\x1b7\x1b[r\x1b8\x1b[?6l\x1b[4l\x1b[?5l\x1b[?7h\x1b[?25h\x1b[m\x1b(B\x1b)B\x0f\x1b[0 q\x1b[?2026l';
const empty = '\x1b[!p\x1b[H\x1b[2J';

/**
 * Plays a terminal's channel in its own time. Keys: space pauses, right and left go five seconds on and back, up
 * and down double and halve the speed, q and ctrl-C end it. Whatever happens, the terminal is left clean.
 */
export class Player {
  readonly #stage: Stage;
  readonly #open: () => AsyncIterable<ChannelEvent>;
  readonly #idleLimitMs: number;
  #speed: number;
  #filter = new DrawingFilter();

  /** @param open the channel's events, from the beginning, as often as it is called */
  constructor(stage: Stage, open: () => AsyncIterable<ChannelEvent>, { speed, idleLimitMs }: PlayOptions) {
    this.#stage = stage;
    this.#open = open;
    this.#speed = speed;
    this.#idleLimitMs = idleLimitMs;
  }

  /**
   * @param fromMs all before is shown at once; counted from the channel's beginning
   * @returns false: it was stopped before the end
   */
  async play(fromMs: number): Promise<boolean> {
    try {
      for (let from = fromMs; ; ) {
        await this.#stage.write(`${this.#leaveAlternate()}${empty}`);
        this.#filter = new DrawingFilter();
        const ending = await this.#once(from);
        if (ending.kind !== 'seek') return ending.kind === 'over';
        from = ending.toMs;
      }
    } finally {
      await this.#stage.write(`${this.#leaveAlternate()}${clean}\r\n`);
    }
  }

  async #once(fromMs: number): Promise<Ending> {
    let startNs: number | undefined;
    let skipToMs = fromMs;
    let lastMs = 0;
    for await (const event of this.#open()) {
      if (event.kind !== 'output') {
        startNs ??= event.atNs;
        continue;
      }
      startNs ??= event.atNs;
      const atMs = (event.atNs - startNs) / 1e6;
      const text = this.#filter.filter(event.bytes);
      if (atMs > skipToMs) {
        const ending = await this.#until(Math.max(lastMs, skipToMs), atMs);
        if (ending?.kind === 'seek' && ending.toMs >= atMs) skipToMs = ending.toMs;
        else if (ending) return ending;
      }
      lastMs = atMs;
      // A line feed only goes down; many terminals' drivers would make a new line of it, but not of an index.
      await this.#stage.write(text.replaceAll('\n', '\x1bD'));
    }
    return { kind: 'over' };
  }

  /** Waits from one time of the recording to another. @returns what a key asked for */
  async #until(fromMs: number, toMs: number): Promise<Ending | undefined> {
    let leftMs = Math.min(toMs - fromMs, this.#idleLimitMs);
    while (leftMs > 0) {
      const begun = this.#stage.now();
      const key = await this.#stage.wait(leftMs / this.#speed);
      if (key === undefined) return undefined;
      leftMs -= (this.#stage.now() - begun) * this.#speed;
      const nowMs = Math.max(toMs - leftMs, fromMs);
      const ending = await this.#obey(key, nowMs);
      if (ending) return ending;
    }
    return undefined;
  }

  async #obey(key: string, nowMs: number): Promise<Ending | undefined> {
    switch (key) {
      case ' ':
        return await this.#paused(nowMs);
      case '\x1b[C':
      case '\x1bOC':
        return { kind: 'seek', toMs: nowMs + stepMs };
      case '\x1b[D':
      case '\x1bOD':
        return { kind: 'seek', toMs: Math.max(nowMs - stepMs, 0) };
      case '\x1b[A':
      case '\x1bOA':
        this.#speed = Math.min(this.#speed * 2, fastest);
        return undefined;
      case '\x1b[B':
      case '\x1bOB':
        this.#speed = Math.max(this.#speed / 2, 1 / fastest);
        return undefined;
      case 'q':
      case '\x03':
      case '\x04':
        return { kind: 'stopped' };
      default:
        return undefined;
    }
  }

  async #paused(nowMs: number): Promise<Ending | undefined> {
    for (;;) {
      const key = await this.#stage.wait(undefined);
      if (key === ' ') return undefined;
      if (key === undefined) return { kind: 'stopped' };
      const ending = await this.#obey(key, nowMs);
      if (ending) return ending;
    }
  }

  #leaveAlternate(): string {
    return this.#filter.alternate ? '\x1b[?1049l' : '';
  }
}
