import { constants, zstdCompressSync } from 'node:zlib';
import { type RecordType, recordHeaderBytes, recordTypes, writeRecordHeader } from '#lib/evidence/record.ts';
import {
  maxStoredFrameBytes,
  storedFrameHeaderBytes,
  writeStoredFrameHeader,
} from '#lib/evidence/zstd-frame.ts';
import type { SessionState, TurnBuffer } from './turn-buffer.ts';

/** Measured: level 1 takes 128 KiB at 600 to 700 MB/s, and larger blocks hardly shrink further. */
export const gatherBytes = maxStoredFrameBytes;
/** A frame of any block fits in one chunk: by zlib's default of 16 KiB, a block is put together from nine of them. */
const frameBytes = gatherBytes + 1024;
const level1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: frameBytes };

/** A frame of more than this share of its records was not worth its time. */
const worthwhile = 0.95;

/** Records have room for a frame's header before them: one that is stored as it is, is made in place. */
const bufferBytes = storedFrameHeaderBytes + gatherBytes;

/** Gather buffers that are not in use. Only sessions with bulk bytes in hand hold one. */
export class GatherPool {
  readonly #free: Buffer[] = [];
  #held = 0;

  /** Buffers in use. */
  get held(): number {
    return this.#held;
  }

  take(): Buffer {
    this.#held++;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  }

  give(buffer: Buffer): void {
    this.#held--;
    if (this.#free.length < 32) this.#free.push(buffer);
  }
}

/** Bulk byte records of one session on their way into one zstd block. */
export class Gather {
  readonly #session: SessionState;
  readonly #buffer: Buffer;
  readonly #first: number;
  #used = storedFrameHeaderBytes;
  #records = 0;
  #clientBytes = 0;
  #serverBytes = 0;

  constructor(session: SessionState, buffer: Buffer) {
    this.#session = session;
    this.#buffer = buffer;
    this.#first = session.sequence;
  }

  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Payload bytes that the next record may have; 0 or less: full. */
  get room(): number {
    return this.#buffer.length - this.#used - recordHeaderBytes;
  }

  add(type: RecordType, flags: number, channel: number, bytes: Uint8Array, elapsedNs: number): void {
    const session = this.#session;
    session.elapsedNs = Math.max(session.elapsedNs, elapsedNs);
    const at = this.#used;
    const { length } = bytes;
    writeRecordHeader(this.#buffer, at, type, flags, channel, length, session.sequence++, session.elapsedNs);
    this.#buffer.set(bytes, at + recordHeaderBytes);
    this.#used = at + recordHeaderBytes + length;
    this.#records++;
    if (type === recordTypes.clientBytes) this.#clientBytes += length;
    else this.#serverBytes += length;
  }

  /**
   * Puts the block into the turn: compressed where that makes it smaller.
   * @param tries whether to find that out
   * @returns whether it was worth the trial
   */
  drain(turn: TurnBuffer, tries: boolean): boolean {
    const stored = this.#buffer.subarray(0, this.#used);
    const records = stored.subarray(storedFrameHeaderBytes);
    const compressed = tries ? zstdCompressSync(records, level1) : stored;
    const smaller = compressed.length < stored.length;
    if (!smaller) writeStoredFrameHeader(stored);
    turn.add(
      this.#session,
      smaller ? compressed : stored,
      this.#first,
      this.#records,
      this.#clientBytes,
      this.#serverBytes,
      records.length,
    );
    return compressed.length < worthwhile * records.length;
  }
}
