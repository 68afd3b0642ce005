import type { Gate } from '#gateway/pipeline/gate.ts';

/** What a line may hold before its Enter and still be told from its echo. */
const maxPending = 4_096;
const maxLine = 1_024;
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
/** What is shown for a key that is not to be seen. */
const masks = /^[*•●∗·＊\s]+$/;

const seen = (text: string): string => text.replace(unseen, '');

/** Linear in its length: a target writes what it likes, and it is asked at every key. */
function asksForSecret(line: string): boolean {
  const prompt = seen(line);
  return promptEnd.test(prompt.trimEnd()) && secretWord.test(prompt);
}

/**
 * What is typed into a terminal, as the recording may keep it. A password is typed where nothing is echoed, and
 * nothing in the protocol says so; it has to be told from what comes back.
 *
 * Before a key is sent the recording has that it was typed; which one it was is kept back until its echo is seen,
 * or until something else is shown in answer that is more than a sound or asterisks. A line that ends with nothing
 * of it echoed, and one that answers a prompt for a secret, is withheld: the recording has the number of its bytes.
 * Where the client has asked for a terminal without echo, only such a prompt withholds. A line that is pasted whole together with its Enter is recorded before
 * it is sent, unless the line on the screen is such a prompt or the keys before it were not echoed.
 *
 * Known limits: a first secret that is pasted with its Enter at a prompt that looks like no prompt for one is
 * recorded; keys of a program that shows nothing at all in answer are withheld.
 */
export class KeyboardInput {
  readonly #gate: Gate;
  readonly #stream: number;
  readonly #echoes: boolean;
  /** Typed, sent, not yet recorded. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The last line on the screen, as it was written. */
  #line = '';
  /** Keys of this line were not echoed. */
  #silent = false;

  /** @param echoes false: the client has asked for a terminal that shows nothing, so that nothing is waited for */
  constructor(gate: Gate, stream: number, echoes = true) {
    this.#gate = gate;
    this.#stream = stream;
    this.#echoes = echoes;
  }

  /** Sends what was typed on, in `message`. */
  typed(data: Buffer, message: Buffer): void {
    const enter = data.includes(0x0d) || data.includes(0x0a);
    const secret = this.#silent || asksForSecret(this.#line);
    if ((enter || !this.#echoes) && !secret && this.#pendingBytes === 0) {
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
      } else if (this.#answers(data)) {
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

  /** Whether what is shown is the echo of what was typed, or an answer to it: no sound, and no asterisks. */
  #answers(data: Buffer): boolean {
    const text = seen(data.toString('utf8'));
    if (text === '') return false;
    return !masks.test(text) || text === seen(Buffer.concat(this.#pending).toString('utf8'));
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
