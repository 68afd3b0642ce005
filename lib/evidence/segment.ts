import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { EvidenceFault } from './fault.ts';
import { type Frame, readFrame, skippableFrame } from './zstd-frame.ts';

/**
 * A segment: a file that any zstd decompressor reads, since what is not records stands in skippable frames.
 *
 *   skippable frame 0   `SALLYPORT-SEGMENT 1`, a line feed, the head as canonical JSON (RFC 8785)
 *   zstd frames         whole records each, at most 256 KiB of them a frame
 *   skippable frame 1   the end mark as canonical JSON: without it the writer stopped early
 *
 * Skippable frame 2 is kept for a signature over the end mark; 3 to 15 are not of this version.
 */
export const segmentVersion = 'SALLYPORT-SEGMENT 1';
/** No file of this version is larger; a reader takes no memory for one that is. */
export const maxSegmentBytes = 4 * 1024 * 1024;
/** A segment is closed when it is this large … */
export const segmentBytes = 1024 * 1024;
/** … or this old. */
export const segmentMs = 5_000;

const headNumber = 0;
const endNumber = 1;
const title = Buffer.from(`${segmentVersion}\n`);

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.int().min(0);

const headShape = z.strictObject({
  session: z.uuid(),
  task: z.string().min(1).max(64),
  index: whole,
  /** SHA-256 of the whole file of the segment before this one; null in the first. */
  previous: hex.nullable(),
  /** Sequence number of the first record; where there is none, of the one that would have come. */
  firstSequence: whole,
});
export type SegmentHead = z.infer<typeof headShape>;

const totalsShape = z.strictObject({
  records: whole,
  clientBytes: whole,
  serverBytes: whole,
  commands: whole,
  refused: whole,
  elapsedNs: whole,
});

const endShape = z.strictObject({
  /** Records in this segment, and their bytes before compression. */
  records: whole,
  bytes: whole,
  /** Nothing follows this segment. */
  final: z.boolean(),
  /** Only in a final segment whose session has no end record. */
  lost: z.strictObject({ reason: z.string().max(1024) }).optional(),
  /** Of the session up to here, so that nobody has to read what came before. */
  totals: totalsShape,
  /** SHA-256 of every byte before this frame. */
  sha256: hex,
});
export type EndMark = Readonly<z.infer<typeof endShape>>;

/** `000000.seg`: names sort as they were written. */
export const segmentFileName = (index: number): string => `${String(index).padStart(6, '0')}.seg`;
export const segmentFilePattern = /^(\d{6,})\.seg$/;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function encodeHead(head: SegmentHead): Buffer {
  return skippableFrame(headNumber, Buffer.concat([title, canonical(head)]));
}

export function encodeEndMark(end: EndMark): Buffer {
  return skippableFrame(endNumber, canonical(end));
}

export interface Segment {
  readonly head: SegmentHead;
  readonly frames: readonly (Frame & { kind: 'zstd' })[];
  readonly end: EndMark;
  /** SHA-256 of the whole file. */
  readonly sha256: string;
}

/**
 * Reads a segment's frames, without decompressing them, and checks its digest. Throws {@link EvidenceFault}
 * `unknownFormat`, `truncated`, `malformed`, `oversized`, `trailingBytes` or `digestMismatch`.
 */
export function readSegment(bytes: Buffer): Segment {
  if (bytes.length > maxSegmentBytes)
    throw new EvidenceFault('oversized', `a segment of ${bytes.length} bytes`);
  const first = readFrame(bytes, 0);
  if (
    first.kind !== 'skippable' ||
    first.number !== headNumber ||
    !first.content.subarray(0, title.length).equals(title)
  ) {
    throw new EvidenceFault('unknownFormat', `not a file that begins with "${segmentVersion}"`, {
      offset: 0,
    });
  }
  const head = parse(headShape, first.content.subarray(title.length), 0);
  const frames: (Frame & { kind: 'zstd' })[] = [];
  let offset = first.next;
  while (offset < bytes.length) {
    const frame = readFrame(bytes, offset);
    if (frame.kind === 'zstd') {
      frames.push(frame);
    } else if (frame.number === endNumber) {
      const end = parse(endShape, frame.content, offset);
      if (end.sha256 !== sha256(bytes.subarray(0, offset))) {
        throw new EvidenceFault('digestMismatch', 'the bytes are not those that the end mark states', {
          offset,
        });
      }
      if (frame.next !== bytes.length) {
        throw new EvidenceFault('trailingBytes', 'bytes after the end mark', { offset: frame.next });
      }
      return { head, frames, end, sha256: sha256(bytes) };
    } else {
      throw new EvidenceFault('unknownFormat', `frame ${frame.number} is not of this version`, { offset });
    }
    offset = frame.next;
  }
  throw new EvidenceFault('truncated', 'the segment ends before its end mark', { offset });
}

export function canonical(value: unknown): Buffer {
  return Buffer.from(canonicalize(value) ?? '');
}

/** Only the one canonical form is taken, so that no byte of it can change unnoticed. */
function parse<T>(shape: z.ZodType<T>, content: Buffer, offset: number): T {
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch (cause) {
    throw new EvidenceFault('malformed', 'not JSON', { offset }, cause);
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    throw new EvidenceFault(
      'malformed',
      `${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`,
      { offset },
    );
  }
  if (!canonical(parsed.data).equals(content)) {
    throw new EvidenceFault('malformed', 'JSON that is not in canonical form', { offset });
  }
  return parsed.data;
}
