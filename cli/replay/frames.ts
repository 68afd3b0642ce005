/** A PostgreSQL message with as much of its body as was asked for. */
export interface Frame {
  readonly type: string;
  readonly body: Buffer;
  /** Bytes of the body that were not kept. */
  readonly cutBytes: number;
}

const headBytes = 5;

/** Cuts one direction's bytes into messages, whatever their size, and keeps `maxBody` bytes of each. */
export class FrameReader {
  readonly #maxBody: number;
  #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #left = 0;
  #lost = false;

  constructor(maxBody: number) {
    this.#maxBody = maxBody;
  }

  /** The messages that end in these bytes. After an impossible length: none, ever again, and `lost` is true. */
  *push(bytes: Buffer): Generator<Frame, void, void> {
    let offset = 0;
    while (offset < bytes.length && !this.#lost) {
      if (this.#headFilled < headBytes) {
        const length = Math.min(headBytes - this.#headFilled, bytes.length - offset);
        bytes.copy(this.#head, this.#headFilled, offset, offset + length);
        this.#headFilled += length;
        offset += length;
        if (this.#headFilled < headBytes) return;
        const stated = this.#head.readUInt32BE(1);
        this.#lost = stated < 4 || stated > 0x7fffffff;
        this.#left = stated - 4;
      } else {
        const length = Math.min(this.#left, bytes.length - offset);
        const keep = Math.min(length, this.#maxBody - this.#keptBytes);
        if (keep > 0) {
          // A copy: the bytes are a view of the record's frame.
          this.#kept.push(Buffer.from(bytes.subarray(offset, offset + keep)));
          this.#keptBytes += keep;
        }
        offset += length;
        this.#left -= length;
      }
      if (this.#headFilled === headBytes && this.#left === 0 && !this.#lost) yield this.#take();
    }
  }

  get lost(): boolean {
    return this.#lost;
  }

  #take(): Frame {
    const body = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
    const bytes = this.#head.readUInt32BE(1) - 4;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#headFilled = 0;
    return { type: String.fromCharCode(this.#head[0]!), body, cutBytes: bytes - body.length };
  }
}
