import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from '#lib/evidence/record.ts';

/**
 * A block of the journal: whole records of one session. 64 bytes of header, big-endian, then the body.
 *
 *   0   magic          u32   'SPB1'
 *   4   crc            u32   CRC-32 of everything after it, header and body
 *   8   stored         u32   bytes of the body as stored
 *   12  uncompressed   u32   bytes of the records
 *   16  session        16 bytes, the UUID
 *   32  first          u64   sequence of the first record
 *   40  elapsed        u64   of the last record, in nanoseconds
 *   48  records        u32   0: no record, the session is open still (written at the head of a new file)
 *   52  client         u32   client bytes among the payloads
 *   56  server         u32   server bytes among the payloads
 *   60  kind           u8    0 raw, 1 one zstd frame that holds byte records only
 *   61  3 bytes, 0
 *
 * The journal is private to a task and its shipper and lives for seconds: it may change with any version.
 */
export const blockHeaderBytes = 64;
/** Most that the records of one block may come to: what one frame of a segment may hold. */
export const maxBlockBytes = 256 * 1024;

const magic = 0x53504231;
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
  target.writeUInt32BE(magic, offset);
  target.writeUInt32BE(stored, offset + 8);
  target.writeUInt32BE(uncompressed, offset + 12);
  session.copy(target, offset + 16);
  writeU64(target, first, offset + 32);
  writeU64(target, elapsedNs, offset + 40);
  target.writeUInt32BE(records, offset + 48);
  target.writeUInt32BE(clientBytes, offset + 52);
  target.writeUInt32BE(serverBytes, offset + 56);
  target.writeUInt32BE(kind === 'raw' ? 0 : 0x01000000, offset + 60);
  const covered = target.subarray(offset + 8, offset + blockHeaderBytes + stored);
  target.writeUInt32BE(crc32(covered), offset + 4);
}

export type BlockReading =
  | { readonly state: 'whole'; readonly header: BlockHeader; readonly body: Buffer; readonly next: number }
  /** More bytes are needed; `bytes` in all from the offset, once the header is there to say so. */
  | { readonly state: 'short'; readonly bytes: number }
  /** Not a block, or one that was damaged. */
  | { readonly state: 'bad' };

/** Reads the block at `offset`; its header and body are views of `source`. */
export function readBlock(source: Buffer, offset: number): BlockReading {
  const there = source.length - offset;
  if (there < blockHeaderBytes) return { state: 'short', bytes: blockHeaderBytes };
  const stored = source.readUInt32BE(offset + 8);
  const uncompressed = source.readUInt32BE(offset + 12);
  const kind = source.readUInt32BE(offset + 60);
  const first = readU64(source, offset + 32);
  const elapsedNs = readU64(source, offset + 40);
  if (
    source.readUInt32BE(offset) !== magic ||
    stored > maxBlockBytes ||
    uncompressed > maxBlockBytes ||
    (kind !== 0 && kind !== 0x01000000) ||
    first === undefined ||
    elapsedNs === undefined
  ) {
    return { state: 'bad' };
  }
  const next = offset + blockHeaderBytes + stored;
  if (next > source.length) return { state: 'short', bytes: blockHeaderBytes + stored };
  if (crc32(source.subarray(offset + 8, next)) !== source.readUInt32BE(offset + 4)) return { state: 'bad' };
  return {
    state: 'whole',
    next,
    body: source.subarray(offset + blockHeaderBytes, next),
    header: {
      kind: kinds[kind >>> 24]!,
      session: source.subarray(offset + 16, offset + 32),
      first,
      elapsedNs,
      records: source.readUInt32BE(offset + 48),
      clientBytes: source.readUInt32BE(offset + 52),
      serverBytes: source.readUInt32BE(offset + 56),
      uncompressed,
      stored,
    },
  };
}
