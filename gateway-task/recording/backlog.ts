/** Past this no more is taken in: the sessions are refused before memory is gone. */
const maxBacklogBytes = 64 * 1024 * 1024;

/** Blocks that the disk has refused so far, in order and unchanged. */
export class Backlog {
  #buffers: Buffer[] = [];
  #bytes = 0;

  get full(): boolean {
    return this.#bytes >= maxBacklogBytes;
  }

  /** Keeps a copy of the first `length` bytes. */
  keep(buffer: Buffer, length: number): void {
    this.#buffers.push(Buffer.from(buffer.subarray(0, length)));
    this.#bytes += length;
  }

  /** Hands each to `write`, and forgets it when `write` does not throw. */
  hand(write: (bytes: Buffer) => void): void {
    let done = 0;
    try {
      for (const bytes of this.#buffers) {
        write(bytes);
        this.#bytes -= bytes.length;
        done++;
      }
    } finally {
      this.#buffers = this.#buffers.slice(done);
    }
  }
}
