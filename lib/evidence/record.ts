import { EvidenceFault } from './fault.ts';

/**
 * A record: 24 bytes of header, big-endian, then the payload.
 *
 *   0   type      u8    one of {@link recordTypes}
 *   1   flags     u8    bit 0: goes on in the next record of this type and channel; bit 1: refused; bit 2: supplement; others 0
 *   2   channel   u16   a protocol's own stream number; 0 where it has one stream
 *   4   length    u32   of the payload, at most {@link maxPayloadBytes}
 *   8   sequence  u64   per session, from 0, without gaps
 *   16  elapsed   u64   monotonic nanoseconds since the session opened, never going back
 *   24  payload
 *
 * Sequence and elapsed stay below 2^53 (104 days of nanoseconds), so both are exact as JavaScript numbers.
 */
export const recordHeaderBytes = 24;
export const maxPayloadBytes = 64 * 1024;

export const recordTypes = {
  /** JSON: who opened what, from where. Always sequence 0. */
  open: 1,
  /** Bytes as they came from the client, after sign-in. */
  clientBytes: 2,
  /** Bytes as they went to the client, after masking. */
  serverBytes: 3,
  /** JSON: one execution; follows the client bytes that carry it. */
  command: 4,
  /** JSON: what policy said. */
  decision: 5,
  /** JSON: what people said. */
  approval: 6,
  /** JSON: what was masked, in numbers. */
  maskSummary: 7,
  /** JSON: an error the client was told of. */
  error: 8,
  /** JSON: something the client was told beside its results. */
  notice: 9,
  /** JSON: a terminal changed its size. */
  resize: 10,
  /** JSON: facts about a transferred file. */
  file: 11,
  /** JSON: how the session ended. Always the last record. */
  end: 12,
} as const;

export type RecordName = keyof typeof recordTypes;
export type RecordType = (typeof recordTypes)[RecordName];

/** The payload goes on in the next record of the same type and channel. */
export const flagContinued = 1;
/** On an error: it is the refusal of a command, which was never forwarded. */
export const flagRefused = 2;
/** On a command: it completes an earlier command record or prepares later ones, and is no execution itself. */
export const flagSupplement = 4;
const knownFlags = flagContinued | flagRefused | flagSupplement;

const names = new Map<number, RecordName>(
  Object.entries(recordTypes).map(([name, type]) => [type, name as RecordName]),
);

export interface EvidenceRecord {
  readonly type: RecordName;
  readonly continued: boolean;
  readonly refused: boolean;
  readonly supplement: boolean;
  readonly channel: number;
  readonly sequence: number;
  /** Nanoseconds since the session opened. */
  readonly elapsedNs: number;
  /** A view of the decoder's buffer: copy it to keep it. */
  readonly payload: Buffer;
}

const high = 0x1_0000_0000;

/** Writes `value` (a safe integer of at least 0) as a big-endian u64, without a BigInt. */
export function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / high), offset);
  target.writeUInt32BE(value % high, offset + 4);
}

/** Reads a big-endian u64. Not a safe integer: `undefined`. */
export function readU64(source: Buffer, offset: number): number | undefined {
  const value = source.readUInt32BE(offset) * high + source.readUInt32BE(offset + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Writes a header at `offset` of the caller's buffer, where 24 bytes are free. Allocates nothing. */
export function writeRecordHeader(
  target: Buffer,
  offset: number,
  type: RecordType,
  flags: number,
  channel: number,
  length: number,
  sequence: number,
  elapsedNs: number,
): void {
  target[offset] = type;
  target[offset + 1] = flags;
  target.writeUInt16BE(channel, offset + 2);
  target.writeUInt32BE(length, offset + 4);
  writeU64(target, sequence, offset + 8);
  writeU64(target, elapsedNs, offset + 16);
}

/**
 * Records of `body`, in order, as views of it: nothing is copied, and every length is checked against what is
 * there before it is used. Throws {@link EvidenceFault} `malformed`, `oversized` or `truncated`.
 */
export function* decodeRecords(body: Buffer): Generator<EvidenceRecord, void, void> {
  let offset = 0;
  while (offset < body.length) {
    if (body.length - offset < recordHeaderBytes)
      throw fault('truncated', 'a record header is cut short', offset);
    const type = names.get(body[offset]!);
    if (type === undefined) throw fault('malformed', `no record has type ${body[offset]}`, offset);
    const flags = body[offset + 1]!;
    if ((flags & ~knownFlags) !== 0) {
      throw fault('malformed', `record flags ${flags} are not of this version`, offset);
    }
    const length = body.readUInt32BE(offset + 4);
    if (length > maxPayloadBytes) throw fault('oversized', `a payload of ${length} bytes`, offset);
    const sequence = readU64(body, offset + 8);
    const elapsedNs = readU64(body, offset + 16);
    if (sequence === undefined || elapsedNs === undefined) {
      throw fault('malformed', 'a sequence or time past 2^53', offset);
    }
    const start = offset + recordHeaderBytes;
    if (body.length - start < length) throw fault('truncated', 'a payload is cut short', offset);
    yield {
      type,
      continued: (flags & flagContinued) !== 0,
      refused: (flags & flagRefused) !== 0,
      supplement: (flags & flagSupplement) !== 0,
      channel: body.readUInt16BE(offset + 2),
      sequence,
      elapsedNs,
      payload: body.subarray(start, start + length),
    };
    offset = start + length;
  }
}

function fault(
  kind: 'malformed' | 'oversized' | 'truncated',
  message: string,
  offset: number,
): EvidenceFault {
  return new EvidenceFault(kind, message, { offset });
}
