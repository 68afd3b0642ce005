import { randomFillSync } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const slabBytes = 512 * 1024;
/** Random bytes that padding is cut from: RFC 4253 section 6 wants it random, and asking for a few at a time is dear. */
const padding = Buffer.allocUnsafeSlow(4 * 1024);
let paddingUsed = padding.length;

/** Fills `length` bytes (at most 255) at `at`. */
export function pad(packet: Buffer, at: number, length: number): void {
  if (paddingUsed + length > padding.length) {
    randomFillSync(padding);
    paddingUsed = 0;
  }
  padding.copy(packet, at, paddingUsed, paddingUsed + length);
  paddingUsed += length;
}

/**
 * Memory for packets on their way out, of all connections. A buffer for each would be memory outside V8's heap, and
 * V8 starts a collection of the whole heap for every few dozen MB of that, which was most of what a transfer cost.
 * What the kernel has taken whole is written over; what it has not is left alone, and its slab given up.
 */
class PacketMemory {
  #slab: Buffer | undefined;
  #used = 0;
  /** Turns that have packets here which were not handed over. */
  #turns = 0;
  #kept = false;

  /** @returns where a packet may be made, after {@link begin} */
  take(bytes: number): Buffer {
    if (this.#slab === undefined || this.#used + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#used = 0;
      this.#kept = false;
    }
    const packet = this.#slab.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return packet;
  }

  begin(): void {
    this.#turns += 1;
  }

  /** @param kept the socket still has packets of the turn */
  end(kept: boolean): void {
    this.#turns -= 1;
    if (kept) this.#kept = true;
    if (this.#turns === 0 && !this.#kept) this.#used = 0;
  }
}

export const packetMemory = new PacketMemory();

/** Whether what was written is not looked at again once nothing waits: a stream within this process may keep it. */
export const copiesOut = (socket: Duplex): boolean => socket instanceof Socket && !('encrypted' in socket);
