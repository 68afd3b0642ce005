import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from '#lib/evidence/record.ts';

/**
 * A block of the journal: whole records of one session. 64 bytes of header, big-endian, then the body.
 *
 *   0   tag            8 bytes, random, the same in every block of a journal: no payload can look like a block
 *   8   crc            u32   CRC-32 of everything after it, header and body
 *   12  kind           u8    0 raw, 1 one zstd frame that holds byte records only
 *   13  stored         u24   bytes of the body as stored
 *   16  uncompressed   u32   bytes of the records
 *   20  session        16 bytes, the UUID
 *   36  first          u64   sequence of the first record
 *   44  elapsed        u64   of the last record, in nanoseconds
 *   52  records        u32   0: no record, the session is open still (written at the head of a new file)
 *   56  client         u32   client bytes among the payloads
 *   60  server         u32   server bytes among the payloads
 *
 * The journal is private to a task and its shipper and lives for seconds: it may change with any version.
 */
export const blockHeaderBytes = 64;
/** Most that the records of one block may come to: what one frame of a segment may hold. */
export const maxBlockBytes = 256 * 1024;

/** What tells a journal's blocks from all other bytes. */
export const tagBytes = 8;
const crcAt = 8;
const coveredAt = 12;

const kinds = ['raw', 'zstd'] as const;
export type BlockKind = (typeof kinds)[number];

export interface BlockHeader {
  readonly kind: BlockKind;
  /** Sixteen bytes of UUID. */
  readonly session: Buffer;
  readonly first: number;
  readonly elapsedNs: number;
  readonly records: number;
  readonly clientBytes: number;
  readonly serverBytes: number;
  readonly uncompressed: number;
  readonly stored: number;
}

/** Writes the header at `offset`; the body of `stored` bytes is already behind it. */
export function sealBlock(
  target: Buffer,
  offset: number,
  tag: Buffer,
  kind: BlockKind,
  session: Buffer,
  first: number,
  elapsedNs: number,
  records: number,
  clientBytes: number,
  serverBytes: number,
  uncompressed: number,
  stored: number,
): void {
  tag.copy(target, offset);
  target.writeUInt32BE(((kind === 'zstd' ? 1 : 0) << 24) | stored, offset + coveredAt);
  target.writeUInt32BE(uncompressed, offset + 16);
  session.copy(target, offset + 20);
  writeU64(target, first, offset + 36);
  writeU64(target, elapsedNs, offset + 44);
  target.writeUInt32BE(records, offset + 52);
  target.writeUInt32BE(clientBytes, offset + 56);
  target.writeUInt32BE(serverBytes, offset + 60);
  const covered = target.subarray(offset + coveredAt, offset + blockHeaderBytes + stored);
  target.writeUInt32BE(crc32(covered), offset + crcAt);
}

export type BlockReading =
  | { readonly state: 'whole'; readonly header: BlockHeader; readonly body: Buffer; readonly next: number }
  /** More bytes are needed; `bytes` in all from the offset, once the header is there to say so. */
  | { readonly state: 'short'; readonly bytes: number }
  /** Not a block, or one that was damaged. */
  | { readonly state: 'bad' };

/** Reads the block at `offset`; its header and body are views of `source`. */
export function readBlock(source: Buffer, offset: number, tag: Buffer): BlockReading {
  const there = source.length - offset;
  if (there < blockHeaderBytes) return { state: 'short', bytes: blockHeaderBytes };
  const stored = source.readUInt32BE(offset + coveredAt) & 0xffffff;
  const kind = kinds[source[offset + coveredAt]!];
  const uncompressed = source.readUInt32BE(offset + 16);
  const first = readU64(source, offset + 36);
  const elapsedNs = readU64(source, offset + 44);
  if (
    tag.compare(source, offset, offset + tagBytes) !== 0 ||
    kind === undefined ||
    stored > maxBlockBytes ||
    uncompressed > maxBlockBytes ||
    first === undefined ||
    elapsedNs === undefined
  ) {
    return { state: 'bad' };
  }
  const next = offset + blockHeaderBytes + stored;
  if (next > source.length) return { state: 'short', bytes: blockHeaderBytes + stored };
  if (crc32(source.subarray(offset + coveredAt, next)) !== source.readUInt32BE(offset + crcAt)) {
    return { state: 'bad' };
  }
  return {
    state: 'whole',
    next,
    body: source.subarray(offset + blockHeaderBytes, next),
    header: {
      kind,
      session: source.subarray(offset + 20, offset + 36),
      first,
      elapsedNs,
      records: source.readUInt32BE(offset + 52),
      clientBytes: source.readUInt32BE(offset + 56),
      serverBytes: source.readUInt32BE(offset + 60),
      uncompressed,
      stored,
    },
  };
}
