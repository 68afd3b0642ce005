import { SshDataFault } from '#lib/ssh/data-types.ts';
import { Gather } from '../sftp/wire/gather.ts';

/** An answer of the side that takes the files: 0, or another byte and a line. */
export interface ScpReply {
  /** 0: done. 1: not this one. Everything else: no more. */
  readonly code: number;
  readonly bytes: Buffer;
  /** Bytes of the chunk that it took. */
  readonly used: number;
}

export class ReplyReader {
  readonly #maxLineBytes: number;
  readonly #line = new Gather();

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * @param bytes not empty
   * @returns undefined where all was kept until the rest is here. Throws SshDataFault.
   */
  read(bytes: Buffer): ScpReply | undefined {
    if (this.#line.length === 0 && bytes[0] === 0) return { code: 0, bytes: bytes.subarray(0, 1), used: 1 };
    const end = bytes.indexOf(10) + 1;
    const used = end === 0 ? bytes.length : end;
    if (this.#line.length + used > this.#maxLineBytes) throw new SshDataFault('an answer is too long');
    this.#line.add(bytes.subarray(0, used));
    if (end === 0) return undefined;
    const line = this.#line.take();
    return { code: line[0]!, bytes: line, used };
  }

  /** What has come of an answer that is not whole. */
  rest(): Buffer {
    return this.#line.take();
  }
}
