import { EvidenceFault } from './fault.ts';
import { canonical, type Segment } from './segment.ts';
import type { OpenRecord, SessionEnd } from './session.ts';
import type { Totals } from './totals.ts';

export const manifestFileName = 'session.json';
export const manifestVersion = 'sallyport-session-1';

/** What a session was, in one small file. All of it follows from the segments, so that it can be made again. */
export interface Manifest {
  readonly format: typeof manifestVersion;
  readonly session: string;
  readonly open: OpenRecord;
  readonly totals: Readonly<Totals>;
  readonly segments: readonly ManifestSegment[];
  /** The end record, or `lost` and why. */
  readonly end: SessionEnd;
}

export interface ManifestSegment {
  readonly sha256: string;
  readonly records: number;
  /** Before compression. */
  readonly bytes: number;
}

export const manifestSegment = ({ sha256, end }: Segment): ManifestSegment => ({
  sha256,
  records: end.records,
  bytes: end.bytes,
});

/**
 * The manifest that follows from the segments, as the bytes of its file.
 * @param last the final segment
 * @param end the end record's JSON; undefined when the session is lost
 */
export function encodeManifest(
  open: OpenRecord,
  segments: readonly ManifestSegment[],
  last: Segment,
  end: SessionEnd | undefined,
): Buffer {
  const manifest: Manifest = {
    format: manifestVersion,
    session: last.head.session,
    open,
    totals: last.end.totals,
    segments,
    end: end ?? { how: 'lost', reason: last.end.lost?.reason ?? 'no end record' },
  };
  return canonical(manifest);
}

/**
 * Reads a manifest for what it says. Whether it is true, only the segments can tell. Throws
 * {@link EvidenceFault} `unknownFormat`.
 */
export function readManifest(bytes: Buffer): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new EvidenceFault('unknownFormat', 'a manifest that is not JSON', {}, cause);
  }
  if (
    typeof value !== 'object' ||
    value === null ||
    !('format' in value) ||
    value.format !== manifestVersion
  ) {
    throw new EvidenceFault('unknownFormat', `a manifest that is not of format ${manifestVersion}`);
  }
  return value as Manifest;
}
