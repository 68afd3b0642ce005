import { StringDecoder } from 'node:string_decoder';
import type { Gate } from '#gateway/pipeline/gate.ts';
import { alternateScreen, asksForSecret, masks, seen, visible } from './keyboard-text.ts';

/**
 * What a session may withhold in all, at prompts for secrets and elsewhere: hundreds of passwords, or a long token.
 * From there on everything is recorded, or files would pass as passwords.
 */
const maxWithheld = 4_096;
const maxLine = 1_024;
/** An echo is looked for in so much of what is shown. */
const maxEcho = 4_096;

/** One character less than the longest sequence that is looked for: `\x1b[?1049h`. */
const maxSequence = 7;

const nothing = Buffer.alloc(0);

/** What may still be withheld in a session: of secrets that were asked for, and else. */
export class UnseenKeys {
  readonly left = { asked: maxWithheld, silent: maxWithheld };
}

/**
 * What is typed into a terminal, as the recording may keep it. A password is typed where nothing is echoed, and
 * nothing in the protocol says so; it has to be told from what comes back.
 *
 * Before a key is sent the recording has that it was typed; which one it was is kept back until its echo is seen, or
 * until a program that has the whole screen to itself draws, with more than a sound or asterisks. A line of which
 * nothing has been echoed when the next line begins on the screen is withheld: the recording has the number of its
 * bytes. So is one that answers a prompt for a secret, whatever else is written meanwhile, unless it is echoed letter
 * for letter. Where the client has asked for a terminal without echo, only such a prompt withholds. A line that is
 * pasted whole together with its Enter is recorded before it is sent, unless a prompt for a secret was shown or the
 * keys before it were not echoed.
 *
 * Known limits: a first secret that is pasted with its Enter at a prompt that looks like no prompt for one is
 * recorded, as are keys typed at it while a program draws on the alternate screen (tmux its status line); keys of a
 * program that shows nothing of them in answer are withheld; {@link maxWithheld} is no line between secrets and
 * commands.
 */
export class KeyboardInput {
  readonly #gate: Gate;
  readonly #stream: number;
  readonly #echoes: boolean;
  readonly #left: UnseenKeys['left'];
  readonly #decoder = new StringDecoder('utf8');
  /** Typed, sent, not yet recorded. */
  #pending: Buffer = nothing;
  /** The last line on the screen, as it was written. */
  #line = '';
  /** The end of what was shown, where a sequence may have begun. */
  #tail = '';
  /** A program has the screen to itself. */
  #alternate = false;
  /** A secret was asked for, and neither Enter nor an echo has come since. */
  #asked = false;

  /**
   * @param unseen of the session
   * @param echoes false: the client has asked for a terminal that shows nothing, so that nothing is waited for
   */
  constructor(gate: Gate, stream: number, unseen: UnseenKeys, echoes = true) {
    this.#gate = gate;
    this.#stream = stream;
    this.#left = unseen.left;
    this.#echoes = echoes;
  }

  /** Sends what was typed on, in `message`. */
  typed(data: Buffer, message: Buffer): void {
    const enter = isEnter(data);
    if ((enter || !this.#echoes) && !this.#asked && this.#pending.length === 0) {
      this.#gate.carry(data, message, this.#stream);
      return;
    }
    this.#gate.note('notice', { channel: this.#stream, typed: data.length });
    this.#gate.carry(nothing, message, this.#stream);
    this.#pending = Buffer.concat([this.#pending, data]);
    if (this.#pending.length > this.#left[this.#kind]) this.#record(this.#pending.length);
    else if (this.#asked && (enter || interrupts(data))) this.#withhold(this.#pending.length);
    if (enter || interrupts(data)) this.#asked = false;
  }

  /** Takes note of what is shown. */
  shown(data: Buffer): void {
    const text = this.#decoder.write(data);
    if (this.#pending.length > 0) this.#findEcho(text);
    const recent = this.#tail + text;
    for (const [, on] of recent.matchAll(alternateScreen)) this.#alternate = on === 'h';
    this.#tail = recent.slice(-maxSequence);
    const last = text.slice(-maxLine);
    const lineStart = Math.max(last.lastIndexOf('\n'), last.lastIndexOf('\r'));
    this.#line = lineStart < 0 ? (this.#line + last).slice(-maxLine) : last.slice(lineStart + 1);
    this.#asked ||= asksForSecret(this.#line);
  }

  /** The channel ends: what was not echoed is not known to be harmless. */
  end(): void {
    if (this.#pending.length > 0) this.#withhold(this.#pending.length);
  }

  /** Records what is shown to be echoed, or otherwise answered; gives up lines that were not when the next begins. */
  #findEcho(shown: string): void {
    const [first = '', ...lines] = shown.slice(0, maxEcho).split('\n');
    this.#match(first);
    for (const line of lines) {
      const end = lineEnd(this.#pending);
      // Of an Enter alone there is nothing to see.
      if (end > 0 && visible(this.#pending.subarray(0, end)) === '') this.#record(end);
      else if (end > 0) this.#withhold(end);
      this.#match(line);
    }
  }

  #match(shown: string): void {
    if (this.#pending.length === 0) return;
    const text = seen(shown);
    const end = lineEnd(this.#pending);
    /** The line that was typed first, with its Enter. */
    const line = end > 0 ? this.#pending.subarray(0, end) : this.#pending;
    const typed = visible(line);
    if (text === '' || (masks.test(text) && (this.#asked || text !== typed))) return;
    const echo = Buffer.from(text);
    const before = line.length - echo.length - (end > 0 ? 1 : 0);
    if (line.subarray(0, echo.length).equals(echo)) {
      this.#record(text === typed ? line.length : echo.length);
    } else if (before > 0 && line.subarray(before, before + echo.length).equals(echo)) {
      if (visible(line.subarray(0, before)) === '') this.#record(before);
      else this.#withhold(before);
      this.#record(line.length - before);
    } else if (!this.#asked && answers(text, typed, this.#alternate)) {
      this.#record(line.length);
    } else return;
    this.#asked = false;
  }

  get #kind(): 'asked' | 'silent' {
    return this.#asked ? 'asked' : 'silent';
  }

  /** Records the first keys that wait. */
  #record(bytes: number): void {
    this.#gate.drop(this.#pending.subarray(0, bytes), this.#stream);
    this.#pending = this.#pending.subarray(bytes);
  }

  /** Gives up the first keys that wait, but for their number. */
  #withhold(bytes: number): void {
    this.#gate.note('notice', { channel: this.#stream, withheld: bytes });
    this.#left[this.#kind] -= bytes;
    this.#pending = this.#pending.subarray(bytes);
  }
}

/**
 * Whether what is shown answers keys that are not echoed as they are. Shells draw a line again with colours and
 * suggestions. A few letters may stand in what a job in the background writes, too.
 */
function answers(text: string, typed: string, alternate: boolean): boolean {
  const drawn = text.startsWith(typed) || text.endsWith(typed) || (typed.length > 2 && text.includes(typed));
  return drawn || alternate;
}

/** Behind the first Enter; 0: there is none. */
const lineEnd = (keys: Buffer): number => keys.findIndex(byte => byte === 0x0d || byte === 0x0a) + 1;

const isEnter = (keys: Buffer): boolean => keys.includes(0x0d) || keys.includes(0x0a);

/** Ctrl-C, ctrl-D: whatever asked has its answer. */
const interrupts = (keys: Buffer): boolean => keys.includes(0x03) || keys.includes(0x04);
