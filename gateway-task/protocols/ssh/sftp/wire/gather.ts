const empty = Buffer.alloc(0);

/**
 * What has come of something that must be there whole. The bytes are copied: their memory may be read into
 * again, and a peer that sends one at a time would otherwise have a buffer kept for each.
 */
export class Gather {
  #bytes: Buffer = empty;
  #length = 0;

  /** Bytes that are here. */
  get length(): number {
    return this.#length;
  }

  /** Grows by doubling, so that what is held is never more than twice what came. */
  add(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length, 64));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length);
    this.#length = length;
  }

  /** Gives what came, which is the caller's then, and is empty again. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = empty;
    this.#length = 0;
    return bytes;
  }
}
