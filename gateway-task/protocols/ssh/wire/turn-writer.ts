import type { Duplex } from 'node:stream';
import { copiesOut, packetMemory } from './packet-memory.ts';

/**
 * Writes of one event-loop turn go into the socket together, as one system call: a chunk that was read holds
 * several messages.
 */
export class TurnWriter {
  readonly #socket: Duplex;
  readonly #lends: boolean;
  #gathering = false;
  #refused = false;
  #blocked = false;
  /** Packets of this turn lie in the common memory. */
  #borrowed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#lends = copiesOut(socket);
  }

  /** The socket did not take all of a turn; its `drain` says when it has. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Memory for a packet that is written in this turn. */
  packet(bytes: number): Buffer {
    if (!this.#lends) return Buffer.allocUnsafe(bytes);
    if (!this.#borrowed) {
      this.#borrowed = true;
      packetMemory.begin();
      this.#gather();
    }
    return packetMemory.take(bytes);
  }

  write(bytes: Uint8Array): void {
    this.#gather();
    // What is gathered counts as waiting, so the answer is of no use before it was handed over.
    if (!this.#socket.write(bytes)) this.#refused = true;
  }

  drained(): void {
    this.#blocked = false;
  }

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#socket.cork();
    process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    this.#gathering = false;
    this.#socket.uncork();
    const waits = this.#socket.writableLength > 0;
    if (this.#borrowed) {
      this.#borrowed = false;
      packetMemory.end(waits);
    }
    // A `drain` follows every refusal; where the kernel took all there is nothing to wait for.
    this.#blocked = this.#refused && waits;
    this.#refused = false;
  };
}
