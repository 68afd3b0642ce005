import { inspect } from 'node:util';
import { z } from 'zod';

/** Shown wherever a secret would be. */
const hidden = '[secret]';

/**
 * A text that no log line, error or recording may show. It prints, joins and serialises as `[secret]`; only
 * `reveal` gives it away, so every place that does can be found by name.
 */
export class SecretValue {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the call that signs in, and not to be kept. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}

/** A text of at most `length` characters that becomes a {@link SecretValue} as it is read. */
export const secretText = (length: number) =>
  z
    .string()
    .min(1)
    .max(length)
    .transform(text => new SecretValue(text));
