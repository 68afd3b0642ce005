/**
 * What has come of a frame that must be whole. The bytes are copied: their memory may be read into again, and
 * a peer that sends one at a time would otherwise have a buffer kept for each.
 */
export class Partial {
  #bytes: Buffer = empty;
  #length = 0;
  #need = 0;

  /** Bytes that are here. */
  get length(): number {
    return this.#length;
  }

  /** @param need how many bytes there must be in all before it is of use */
  begin(bytes: Buffer, need: number): void {
    this.#need = need;
    this.#append(bytes);
  }

  /** @returns the bytes once there are enough, and more where more came; they are the caller's. */
  add(bytes: Buffer): Buffer | undefined {
    this.#append(bytes);
    if (this.#length < this.#need) return undefined;
    const whole = this.#bytes.subarray(0, this.#length);
    this.#bytes = empty;
    this.#length = 0;
    return whole;
  }

  /** Grows by doubling, so that what is held is never more than twice what came. */
  #append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, Math.min(this.#need, 2 * this.#bytes.length)));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length);
    this.#length = length;
  }
}

const empty = Buffer.alloc(0);
