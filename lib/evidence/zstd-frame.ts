import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EvidenceFault } from './fault.ts';

/**
 * The frames of a zstd file, RFC 8878 section 3: walked by their own length fields, so that a frame's size is
 * known, and judged, before anything is decompressed.
 */

/** Most that one frame may decompress to. */
export const maxFrameContentBytes = 256 * 1024;
const windowLogMax = 18;

const zstdMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export type Frame =
  /** A frame that decompressors pass over: ours for what is not records. `number` is 0 to 15. */
  | { readonly kind: 'skippable'; readonly number: number; readonly content: Buffer; readonly next: number }
  | {
      readonly kind: 'zstd';
      readonly offset: number;
      readonly contentBytes: number;
      readonly frame: Buffer;
      readonly next: number;
    };

/**
 * The frame that begins at `offset`. Throws {@link EvidenceFault} `truncated`, `malformed` or `oversized`.
 */
export function readFrame(bytes: Buffer, offset: number): Frame {
  if (bytes.length - offset < 8) throw fault('truncated', 'a frame is cut short', offset);
  const magic = bytes.readUInt32LE(offset);
  if ((magic & ~0xf) >>> 0 === skippableMagic) {
    const next = offset + 8 + bytes.readUInt32LE(offset + 4);
    if (next > bytes.length) throw fault('truncated', 'a skippable frame is cut short', offset);
    return { kind: 'skippable', number: magic & 0xf, content: bytes.subarray(offset + 8, next), next };
  }
  if (magic !== zstdMagic) throw fault('malformed', 'no frame begins here', offset);
  return readZstdFrame(bytes, offset);
}

function readZstdFrame(bytes: Buffer, offset: number): Frame {
  const descriptor = bytes[offset + 4]!;
  const single = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x1b) !== 0)
    throw fault('malformed', 'a frame with a dictionary or reserved bits', offset);
  const sizeFlag = descriptor >> 6;
  const sizeAt = offset + 5 + (single ? 0 : 1);
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  if (sizeBytes === 0) throw fault('malformed', 'a frame that does not state its size', offset);
  if (sizeAt + sizeBytes > bytes.length) throw fault('truncated', 'a frame is cut short', offset);
  const contentBytes =
    sizeFlag === 0
      ? bytes[sizeAt]!
      : sizeFlag === 1
        ? bytes.readUInt16LE(sizeAt) + 256
        : sizeFlag === 2
          ? bytes.readUInt32LE(sizeAt)
          : Number(bytes.readBigUInt64LE(sizeAt));
  if (contentBytes > maxFrameContentBytes)
    throw fault('oversized', `a frame of ${contentBytes} bytes`, offset);

  let next = sizeAt + sizeBytes;
  for (let last = false; !last; ) {
    if (next + 3 > bytes.length) throw fault('truncated', 'a frame is cut short', offset);
    const header = bytes.readUIntLE(next, 3);
    last = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    if (type === 3) throw fault('malformed', 'a block of a reserved type', offset);
    next += 3 + (type === 1 ? 1 : header >> 3);
  }
  if ((descriptor & 4) !== 0) next += 4;
  if (next > bytes.length) throw fault('truncated', 'a frame is cut short', offset);
  return { kind: 'zstd', offset, contentBytes, frame: bytes.subarray(offset, next), next };
}

/** One frame that states its size. `content` is at most {@link maxFrameContentBytes}. */
export function compressFrame(content: Buffer): Buffer {
  return zstdCompressSync(content, compression);
}

/** What a frame has before its content when that is stored as it is. */
export const storedFrameHeaderBytes = 12;
/** RFC 8878 section 3.1.1.2.4: a block has at most so much. */
export const maxStoredFrameBytes = 128 * 1024;

/**
 * Makes a frame of content that does not compress: writes {@link storedFrameHeaderBytes} at the start of `frame`, behind
 * which the content, at most {@link maxStoredFrameBytes}, is already. One segment with its size in four bytes, one raw
 * block: RFC 8878 section 3.1.1.
 */
export function writeStoredFrameHeader(frame: Buffer): void {
  const content = frame.length - storedFrameHeaderBytes;
  frame.writeUInt32LE(zstdMagic, 0);
  frame[4] = 0xa0;
  frame.writeUInt32LE(content, 5);
  frame.writeUIntLE((content << 3) | 1, 9, 3);
}

/** The content of a frame that {@link readFrame} gave. Throws {@link EvidenceFault} `malformed`. */
export function decompressFrame(frame: Buffer, contentBytes: number): Buffer {
  let content: Buffer;
  try {
    content = zstdDecompressSync(frame, {
      maxOutputLength: Math.max(contentBytes, 1),
      params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
    });
  } catch (cause) {
    throw new EvidenceFault('malformed', 'a frame that does not decompress', {}, cause);
  }
  if (content.length !== contentBytes) {
    throw new EvidenceFault('malformed', 'a frame that does not hold what it states');
  }
  return content;
}

/** A frame that decompressors pass over. */
export function skippableFrame(number: number, content: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(8 + content.length);
  frame.writeUInt32LE(skippableMagic + number, 0);
  frame.writeUInt32LE(content.length, 4);
  content.copy(frame, 8);
  return frame;
}

function fault(
  kind: 'malformed' | 'oversized' | 'truncated',
  message: string,
  offset: number,
): EvidenceFault {
  return new EvidenceFault(kind, message, { offset });
}
