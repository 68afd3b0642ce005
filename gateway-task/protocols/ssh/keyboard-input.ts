import type { Gate } from '#gateway/pipeline/gate.ts';

/** What a line may hold before its Enter and still be told from its echo. */
const maxPending = 4_096;
const maxLine = 1_024;
/** What is in prompts for secrets, in the languages that programs ask in, and how they end. */
const secretWord =
  /(?:pass(?:word|phrase|code|wort)?|kennwort|contraseña|mot de passe|secret|PIN|token|OTP|verification code)\b/i;
const promptEnd = /[:：?]$/;

/** Linear in its length: a target writes what it likes, and it is asked at every key. */
function asksForSecret(line: string): boolean {
  return promptEnd.test(line.trimEnd()) && secretWord.test(line);
}

/**
 * What is typed into a terminal, as the recording may keep it. A password is typed where nothing is echoed, and
 * nothing in the protocol says so; it has to be told from what comes back.
 *
 * Before a key is sent the recording has that it was typed; which one it was is kept back until its echo is seen,
 * or until something else is shown in answer. A line that ends with nothing of it echoed, and one that answers a prompt for a secret, is withheld: the
 * recording has the number of its bytes. A line that is pasted whole together with its Enter is recorded before
 * it is sent, unless the line on the screen is such a prompt or the keys before it were not echoed.
 *
 * Known limits: a first secret that is pasted with its Enter at a prompt that looks like no prompt for one is
 * recorded; keys of a program that shows nothing at all in answer are withheld.
 */
export class KeyboardInput {
  readonly #gate: Gate;
  readonly #stream: number;
  /** Typed, sent, not yet recorded. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The last line on the screen, as it was written. */
  #line = '';
  /** Keys of this line were not echoed. */
  #silent = false;

  constructor(gate: Gate, stream: number) {
    this.#gate = gate;
    this.#stream = stream;
  }

  /** Sends what was typed on, in `message`. */
  typed(data: Buffer, message: Buffer): void {
    const enter = data.includes(0x0d) || data.includes(0x0a);
    const secret = this.#silent || asksForSecret(this.#line);
    if (enter && !secret && this.#pendingBytes === 0) {
      this.#gate.carry(data, message, this.#stream);
      return;
    }
    this.#gate.note('notice', { channel: this.#stream, typed: data.length });
    this.#gate.carry(data.subarray(0, 0), message, this.#stream);
    this.#pending.push(Buffer.from(data));
    this.#pendingBytes += data.length;
    if (enter || this.#pendingBytes > maxPending) this.#withhold();
    else if (secret) this.#silent = true;
  }

  /** Takes note of what is shown. */
  shown(data: Buffer): void {
    if (this.#pendingBytes > 0) {
      if (asksForSecret(this.#line)) {
        // An asterisk for each key, or nothing.
        if (!data.includes(0x0a)) return;
        this.#withhold();
      } else {
        for (const typed of this.#pending) this.#gate.drop(typed, this.#stream);
        this.#pending = [];
        this.#pendingBytes = 0;
        this.#silent = false;
      }
    }
    const text = data.subarray(-maxLine).toString('utf8');
    const lineStart = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
    this.#line = lineStart < 0 ? (this.#line + text).slice(-maxLine) : text.slice(lineStart + 1);
    if (lineStart >= 0) this.#silent = false;
  }

  /** The channel ends: what was not echoed is not known to be harmless. */
  end(): void {
    if (this.#pendingBytes > 0) this.#withhold();
  }

  #withhold(): void {
    this.#gate.note('notice', { channel: this.#stream, withheld: this.#pendingBytes });
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#silent = false;
  }
}
