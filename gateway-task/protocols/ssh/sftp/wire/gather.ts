const empty = Buffer.alloc(0);

/**
 * Bytes that wait: for the rest of what they belong to, or for their turn. They are copied: their memory may be
 * read into again, and a peer that sends one at a time would otherwise have a buffer kept for each.
 */
export class Gather {
  #bytes: Buffer = empty;
  #start = 0;
  #end = 0;

  /** Bytes that are here. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Grows by doubling, so that what is kept is never more than twice what came. */
  add(bytes: Buffer): void {
    if (this.#end + bytes.length > this.#bytes.length) {
      const length = this.length + bytes.length;
      const roomy = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.length, 64));
      this.#bytes.copy(roomy, 0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      this.#bytes = roomy;
    }
    bytes.copy(this.#bytes, this.#end);
    this.#end += bytes.length;
  }

  /** What is here. It stays as it is until something is added. */
  peek(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** So many bytes have had their turn. */
  consume(length: number): void {
    this.#start += length;
    if (this.#start < this.#end) return;
    this.#bytes = empty;
    this.#start = this.#end = 0;
  }

  /** Gives what came, which is the caller's then, and is empty again. */
  take(): Buffer {
    const bytes = this.peek();
    this.consume(bytes.length);
    return bytes;
  }
}
