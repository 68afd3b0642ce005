import type { Gate } from '#gateway/pipeline/gate.ts';

/**
 * What one terminal may withhold in all, at prompts for secrets and elsewhere: hundreds of passwords, or a long token.
 * From there on everything is recorded, or files would pass as passwords.
 */
const maxWithheld = 4_096;
const maxLine = 1_024;
/** A prompt is short; on a screen that is drawn, the line may be all of it. */
const maxPrompt = 80;
/** An echo is looked for in so much of what is shown. */
const maxEcho = 4_096;
/** What is in prompts for secrets, in the languages that programs ask in, and how they end. */
const secretWord = new RegExp(
  [
    '(?:pass(?:word|phrase|code|wort)?|secret|PIN|token|OTP|verification code|(?:api|access|private|secret).?key)\\b',
    'kennwort|contraseña|contrasena|mot de passe|senha|wachtwoord|parola|lösenord|adgangskode|passord|salasana',
    'hasło|heslo|jelszó|lozinka|şifre|пароль|密码|密碼|パスワード|암호|비밀번호',
  ].join('|'),
  'i',
);
const promptEnd = /[:：?]$/;
/** What a terminal obeys and does not show: ECMA-48 sequences, and controls. */
const unseen = new RegExp(
  [
    '\\x1b(?:\\[[0-?]*[ -/]*[@-~]?|[\\]P_^X][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?|[ -/]*[0-~]?)',
    '[\\x00-\\x1f\\x7f]',
  ].join('|'),
  'g',
);
/** A program that draws its screen: it moves, erases or scrolls. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
const drawing = /\x1b\[[\d;?]*[A-HJKLMPSTdfr]/;
/** What is shown for a key that is not to be seen. */
const masks = /^[*•●∗·＊\s]+$/;

const nothing = Buffer.alloc(0);

const seen = (text: string): string => text.replace(unseen, '');

/** Linear in its length: a target writes what it likes. */
function asksForSecret(line: string): boolean {
  const prompt = seen(line).slice(-maxPrompt);
  return promptEnd.test(prompt.trimEnd()) && secretWord.test(prompt);
}

/**
 * What is typed into a terminal, as the recording may keep it. A password is typed where nothing is echoed, and
 * nothing in the protocol says so; it has to be told from what comes back.
 *
 * Before a key is sent the recording has that it was typed; which one it was is kept back until its echo is seen, or
 * until a program that draws its screen answers, with more than a sound or asterisks. A line that ends with nothing
 * of it echoed is withheld: the recording has the number of its bytes. So is one that answers a prompt for a secret,
 * whatever else is written meanwhile, unless it is echoed letter for letter. Where the client has asked for a terminal
 * without echo, only such a prompt withholds. A line that is pasted whole together with its Enter is recorded before
 * it is sent, unless a prompt for a secret was shown or the keys before it were not echoed.
 *
 * Known limits: a first secret that is pasted with its Enter at a prompt that looks like no prompt for one is
 * recorded, as are keys typed at it while a program draws (tmux its status line); keys of a program that shows nothing
 * at all in answer are withheld; {@link maxWithheld} is not a line between secrets and commands.
 */
export class KeyboardInput {
  readonly #gate: Gate;
  readonly #stream: number;
  readonly #echoes: boolean;
  /** Typed, sent, not yet recorded. */
  #pending: Buffer = nothing;
  /** The last line on the screen, as it was written. */
  #line = '';
  /** A secret was asked for, and neither Enter nor an echo has come since. */
  #asked = false;
  /** What may still be withheld: of secrets that were asked for, and else. */
  readonly #left = { asked: maxWithheld, silent: maxWithheld };

  /** @param echoes false: the client has asked for a terminal that shows nothing, so that nothing is waited for */
  constructor(gate: Gate, stream: number, echoes = true) {
    this.#gate = gate;
    this.#stream = stream;
    this.#echoes = echoes;
  }

  /** Sends what was typed on, in `message`. */
  typed(data: Buffer, message: Buffer): void {
    const enter = data.includes(0x0d) || data.includes(0x0a);
    if ((enter || !this.#echoes) && !this.#asked && this.#pending.length === 0) {
      this.#gate.carry(data, message, this.#stream);
      return;
    }
    this.#gate.note('notice', { channel: this.#stream, typed: data.length });
    this.#gate.carry(nothing, message, this.#stream);
    this.#pending = Buffer.concat([this.#pending, data]);
    if (this.#pending.length > this.#left[this.#kind]) this.#record(this.#pending.length);
    else if (enter) this.#withhold(this.#pending.length);
    if (enter) this.#asked = false;
  }

  /** Takes note of what is shown. */
  shown(data: Buffer): void {
    if (this.#pending.length > 0) this.#findEcho(data);
    const text = data.subarray(-maxLine).toString('utf8');
    const lineStart = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
    this.#line = lineStart < 0 ? (this.#line + text).slice(-maxLine) : text.slice(lineStart + 1);
    this.#asked ||= asksForSecret(this.#line);
  }

  /** The channel ends: what was not echoed is not known to be harmless. */
  end(): void {
    if (this.#pending.length > 0) this.#withhold(this.#pending.length);
  }

  /** Records what is shown to be echoed, or otherwise answered. */
  #findEcho(data: Buffer): void {
    const shown = data.toString('utf8', 0, maxEcho);
    const text = seen(shown);
    const typed = seen(this.#pending.toString('utf8'));
    if (text === '' || (masks.test(text) && (this.#asked || text !== typed))) return;
    const echo = Buffer.from(text);
    const before = this.#pending.length - echo.length;
    if (this.#pending.subarray(0, echo.length).equals(echo)) {
      this.#record(echo.length);
    } else if (before > 0 && this.#pending.subarray(before).equals(echo)) {
      this.#withhold(before);
      this.#record(echo.length);
    } else if (!this.#asked && (text.startsWith(typed) || text.endsWith(typed) || drawing.test(shown))) {
      this.#record(this.#pending.length);
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
