import { SshDataFault } from '#lib/ssh/data-types.ts';
import { Gather } from '../sftp/wire/gather.ts';

/** The next thing in the stream of the side that has the files. `used`: bytes of the chunk that it took. */
export type SourcePart =
  | { readonly kind: 'line' | 'body' | 'status'; readonly bytes: Buffer; readonly used: number }
  /** What came is kept until the rest is here. */
  | { readonly kind: 'more'; readonly used: number };

/**
 * Reads lines, and where it is told so a body in whatever pieces it comes, behind which there is a status: 0, or
 * another byte and a line.
 */
export class SourceReader {
  readonly #maxLineBytes: number;
  readonly #line = new Gather();
  #state: 'line' | 'body' | 'status' = 'line';
  #left = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** In the middle of a file. */
  get inFile(): boolean {
    return this.#state !== 'line';
  }

  /** A file follows. @param size in bytes */
  beginBody(size: number): void {
    this.#left = size;
    this.#state = size > 0 ? 'body' : 'status';
  }

  /** @param bytes not empty. Throws SshDataFault. */
  read(bytes: Buffer): SourcePart {
    if (this.#state === 'body') {
      const used = Math.min(this.#left, bytes.length);
      this.#left -= used;
      if (this.#left === 0) this.#state = 'status';
      return { kind: 'body', bytes: bytes.subarray(0, used), used };
    }
    const kind = this.#state;
    const end = kind === 'status' && this.#line.length === 0 && bytes[0] === 0 ? 1 : bytes.indexOf(10) + 1;
    const used = end === 0 ? bytes.length : end;
    if (this.#line.length + used > this.#maxLineBytes) throw new SshDataFault('a line is too long');
    if (end === 0 || this.#line.length > 0) this.#line.add(bytes.subarray(0, used));
    if (end === 0) return { kind: 'more', used };
    const whole = this.#line.length > 0 ? this.#line.take() : bytes.subarray(0, used);
    this.#state = 'line';
    return { kind, bytes: whole, used };
  }

  /** What has come of a line that is not whole. */
  rest(): Buffer {
    return this.#line.take();
  }
}
