import type { Duplex } from 'node:stream';
import { SallyportError } from '#lib/errors.ts';

/**
 * Reads a conversation's opening moves from a socket: exactly so many bytes, by a deadline, never holding
 * more than was asked for plus one chunk. Handshakes are read through it; the relay is not.
 */
export class ByteReader {
  readonly #socket: Duplex;
  readonly #deadline: AbortSignal;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Duplex, deadline: AbortSignal) {
    this.#socket = socket;
    this.#deadline = deadline;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
    deadline.addEventListener('abort', this.#onEnd);
  }

  /** The next `length` bytes, left in place. */
  async peek(length: number): Promise<Buffer> {
    while (this.#held.length < length) {
      this.#check();
      this.#socket.resume();
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    return this.#held.subarray(0, length);
  }

  /** The next `length` bytes. Rejects with `protocolViolation` at the end of the stream, `timeout` at the deadline. */
  async read(length: number): Promise<Buffer> {
    const bytes = await this.peek(length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }

  /** Bytes that came early. */
  get buffered(): number {
    return this.#held.length;
  }

  /** Lets go of the socket, paused, with what was not read put back into it. */
  detach(): void {
    this.#socket.pause();
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onError);
    this.#deadline.removeEventListener('abort', this.#onEnd);
    if (this.#held.length > 0 && !this.#socket.readableEnded) this.#socket.unshift(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #check(): void {
    if (this.#deadline.aborted) throw new SallyportError('timeout', 'the handshake took too long');
    if (this.#failure)
      throw new SallyportError('protocolViolation', 'the connection broke', { cause: this.#failure });
    if (this.#ended)
      throw new SallyportError('protocolViolation', 'the connection was closed during the handshake');
  }

  readonly #onData = (chunk: Buffer): void => {
    // Copied: the chunk may be read into again.
    this.#held = Buffer.concat([this.#held, chunk]);
    this.#socket.pause();
    this.#wake?.();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  readonly #onError = (error: Error): void => {
    this.#failure = error;
    this.#wake?.();
  };
}
