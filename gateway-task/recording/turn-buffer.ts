import { type RecordType, recordHeaderBytes, recordTypes, writeRecordHeader } from '#lib/evidence/record.ts';
import { blockHeaderBytes, maxBlockBytes, sealBlock } from './block.ts';

/** What the journal knows of one open session. */
export interface SessionState {
  readonly id: string;
  /** The id as sixteen bytes. */
  readonly uuid: Buffer;
  /** By the journal's clock, in nanoseconds. */
  readonly startedNs: number;
  /** Of the next record. */
  sequence: number;
  /** Of the newest record: elapsed time never goes back. */
  elapsedNs: number;
}

/**
 * The blocks that the next write carries, in one buffer: what a session adds goes into its open block, and
 * another session's record closes that and begins a new one. Allocates nothing after it is made.
 */
export class TurnBuffer {
  readonly buffer: Buffer;
  readonly #tag: Buffer;
  readonly #now: () => number;
  /** Empties the buffer, because what comes next does not fit. */
  readonly #spill: () => void;
  #used = 0;
  #session: SessionState | undefined;
  #blockStart = 0;
  #first = 0;
  #records = 0;
  #clientBytes = 0;
  #serverBytes = 0;

  constructor(bytes: number, tag: Buffer, now: () => number, spill: () => void) {
    if (bytes < 2 * (blockHeaderBytes + maxBlockBytes))
      throw new TypeError('the turn buffer holds two blocks');
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#tag = tag;
    this.#now = now;
    this.#spill = spill;
  }

  get used(): number {
    return this.#used;
  }

  clear(): void {
    this.#used = 0;
  }

  /** Where the payload of the next record of `session` goes: `bytes` are free there. */
  reserve(session: SessionState, bytes: number): number {
    const record = recordHeaderBytes + bytes;
    if (this.#session !== undefined) {
      const block = this.#used - this.#blockStart - blockHeaderBytes + record;
      if (this.#session !== session || block > maxBlockBytes) this.seal();
    }
    if (this.#session === undefined) {
      this.#room(blockHeaderBytes + record);
      this.#begin(session);
    } else if (this.#used + record > this.buffer.length) {
      this.seal();
      this.#spill();
      this.#begin(session);
    }
    return this.#used + recordHeaderBytes;
  }

  /** Ends the record whose payload was put where `reserve` said. Gives its sequence number. */
  commit(type: RecordType, flags: number, channel: number, bytes: number): number {
    const session = this.#session!;
    const sequence = session.sequence++;
    const elapsedNs = Math.max(session.elapsedNs, this.#now() - session.startedNs);
    session.elapsedNs = elapsedNs;
    writeRecordHeader(this.buffer, this.#used, type, flags, channel, bytes, sequence, elapsedNs);
    this.#used += recordHeaderBytes + bytes;
    this.#records++;
    if (type === recordTypes.clientBytes) this.#clientBytes += bytes;
    else if (type === recordTypes.serverBytes) this.#serverBytes += bytes;
    return sequence;
  }

  /** Closes the open block, if there is one. */
  seal(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const body = this.#used - this.#blockStart - blockHeaderBytes;
    sealBlock(
      this.buffer,
      this.#blockStart,
      this.#tag,
      'raw',
      session.uuid,
      this.#first,
      session.elapsedNs,
      this.#records,
      this.#clientBytes,
      this.#serverBytes,
      body,
      body,
    );
  }

  /** Adds a block whose records are in a frame already. */
  add(
    session: SessionState,
    body: Buffer,
    first: number,
    records: number,
    clientBytes: number,
    serverBytes: number,
    uncompressed: number,
  ): void {
    this.seal();
    this.#room(blockHeaderBytes + body.length);
    const start = this.#used;
    body.copy(this.buffer, start + blockHeaderBytes);
    this.#used = start + blockHeaderBytes + body.length;
    const elapsed = session.elapsedNs;
    sealBlock(
      this.buffer,
      start,
      this.#tag,
      'zstd',
      session.uuid,
      first,
      elapsed,
      records,
      clientBytes,
      serverBytes,
      uncompressed,
      body.length,
    );
  }

  #room(bytes: number): void {
    if (this.#used + bytes > this.buffer.length) this.#spill();
  }

  #begin(session: SessionState): void {
    this.#session = session;
    this.#blockStart = this.#used;
    this.#used += blockHeaderBytes;
    this.#first = session.sequence;
    this.#records = 0;
    this.#clientBytes = 0;
    this.#serverBytes = 0;
  }
}
