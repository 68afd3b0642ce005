import { EvidenceFault } from './fault.ts';
import { findJson } from './find-json.ts';
import { manifestFileName, readManifest } from './manifest.ts';
import type { SessionSource } from './reader.ts';
import { maxSegmentBytes, readSegment, segmentFilePattern } from './segment.ts';
import { type FoundOpenRecord, openRecordShape } from './session.ts';
import type { Totals } from './totals.ts';

/** What a list of recordings shows of one, read without reading all of it and without verifying it. */
export interface SessionOverview {
  readonly id: string;
  readonly open: FoundOpenRecord;
  /** Up to the last closed segment. */
  readonly totals: Readonly<Totals>;
  /** How it ended; undefined: it runs still, or nobody has closed it. */
  readonly end: { readonly how: string; readonly reason?: string | undefined } | undefined;
}

const maxManifestBytes = 64 * 1024 * 1024;

/** Throws {@link EvidenceFault} when there is nothing to show. */
export async function readOverview(source: SessionSource): Promise<SessionOverview> {
  const names = await source.list();
  if (names.includes(manifestFileName)) {
    const { open, totals, end } = readManifest(await source.read(manifestFileName, maxManifestBytes));
    return { id: source.id, open: parseOpen(open, source.id), totals, end };
  }
  const segments = names.filter(name => segmentFilePattern.test(name));
  segments.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) {
    throw new EvidenceFault('segmentMissing', 'no segment is closed yet', { session: source.id });
  }
  const head = readSegment(await source.read(first, maxSegmentBytes));
  const tail = first === last ? head : readSegment(await source.read(last, maxSegmentBytes));
  return {
    id: source.id,
    open: parseOpen(findJson(head, 'open'), source.id),
    totals: tail.end.totals,
    end: undefined,
  };
}

export function parseOpen(value: unknown, session: string): FoundOpenRecord {
  const parsed = openRecordShape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new EvidenceFault('malformed', 'an open record without what it must hold', { session });
}
