import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type BlockHeader, blockHeaderBytes, maxBlockBytes, readBlock, tagBytes } from '../block.ts';
import { journalFileTitle } from '../spool-file.ts';

/** Room for several of the largest blocks. */
const windowBytes = 4 * (blockHeaderBytes + maxBlockBytes);

export interface JournalBlock {
  readonly header: BlockHeader;
  /** A view that holds until the next block is asked for. */
  readonly body: Buffer;
}

/** Reads one journal file from its head on, while it may still grow. */
export class JournalReader {
  readonly #fd: number;
  readonly #window = Buffer.allocUnsafeSlow(windowBytes);
  readonly #tag = Buffer.alloc(tagBytes);
  /** Offset in the file of the next block. */
  #offset = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  get offset(): number {
    return this.#offset;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /**
   * The whole blocks that are there now. While the file may still grow, it stops before one that is not whole:
   * that may be in the middle of being written. In a `complete` file such bytes are passed over, and
   * `onDamage` hears of them; at its very end they are what a write left that was never reported done.
   */
  *blocks(
    complete: boolean,
    onDamage: (from: number, to: number) => void,
  ): Generator<JournalBlock, void, void> {
    const { size } = fstatSync(this.#fd);
    if (this.#offset === 0 && !this.#readHead(size)) return;
    while (this.#offset < size) {
      const bytes = this.#fill(this.#offset);
      let at = 0;
      while (at < bytes.length) {
        const block = readBlock(bytes, at, this.#tag);
        if (block.state === 'whole') {
          this.#offset += block.next - at;
          at = block.next;
          yield block;
        } else if (block.state === 'short' && at > 0 && this.#offset + block.bytes <= size) {
          break;
        } else {
          const next = complete ? this.#search(this.#offset + 1, size) : undefined;
          if (next === undefined) return;
          onDamage(this.#offset, next);
          this.#offset = next;
          break;
        }
      }
    }
  }

  #readHead(size: number): boolean {
    const bytes = journalFileTitle.length + tagBytes;
    if (size < bytes) return false;
    const head = this.#fill(0);
    if (!head.subarray(0, journalFileTitle.length).equals(journalFileTitle)) return false;
    head.copy(this.#tag, 0, journalFileTitle.length, bytes);
    this.#offset = bytes;
    return true;
  }

  /** Offset of the next whole block from `from` on. */
  #search(from: number, size: number): number | undefined {
    for (let offset = from; offset + blockHeaderBytes <= size; ) {
      const bytes = this.#fill(offset);
      const found = bytes.indexOf(this.#tag);
      if (found < 0) {
        offset += Math.max(bytes.length - tagBytes + 1, 1);
      } else if (found > 0) {
        offset += found;
      } else {
        if (readBlock(bytes, 0, this.#tag).state === 'whole') return offset;
        offset += 1;
      }
    }
    return undefined;
  }

  #fill(offset: number): Buffer {
    const read = readSync(this.#fd, this.#window, 0, this.#window.length, offset);
    return this.#window.subarray(0, read);
  }
}
