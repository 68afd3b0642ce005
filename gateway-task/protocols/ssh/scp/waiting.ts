import { SshDataFault } from '#lib/ssh/data-types.ts';
import { Gather } from '../sftp/wire/gather.ts';

const nothing = Buffer.alloc(0);
/** A client that keeps to its window stays below. */
const maxHeldBytes = 8 * 1024 * 1024;

/** Bytes of one side, in order, that are read as far as it is that side's turn. */
export class Waiting {
  readonly #walk: (bytes: Buffer) => number;
  readonly #held = new Gather();
  #runs = false;

  /** @param walk reads from the start of the bytes and says how many had their turn */
  constructor(walk: (bytes: Buffer) => number) {
    this.#walk = walk;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  take(chunk: Buffer): void {
    const rest = this.isEmpty ? chunk.subarray(this.#walk(chunk)) : chunk;
    if (rest.length === 0) return;
    if (this.#held.length + rest.length > maxHeldBytes)
      throw new SshDataFault('more was sent than is its turn');
    this.#held.add(rest);
  }

  /** @returns whether something had its turn */
  run(): boolean {
    if (this.isEmpty) return false;
    this.#runs = true;
    let used = this.#held.length;
    try {
      used = this.#walk(this.#held.peek());
    } finally {
      this.#held.consume(used);
      this.#runs = false;
    }
    return used > 0;
  }

  /** What waits for its turn, which does not come any more. */
  rest(): Buffer {
    return this.#runs ? nothing : this.#held.take();
  }
}
