import type { Readable } from 'node:stream';

/** Stops reading from a socket while anybody wants it stopped. */
export class Hold {
  readonly #source: Readable;
  #count = 0;

  constructor(source: Readable) {
    this.#source = source;
  }

  set(held: boolean): void {
    this.#count += held ? 1 : -1;
    if (held && this.#count === 1) this.#source.pause();
    if (!held && this.#count === 0) this.#source.resume();
  }
}
