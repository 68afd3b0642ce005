import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { manifestFileName } from '#lib/evidence/manifest.ts';
import { readSegment, segmentFilePattern, sha256 } from '#lib/evidence/segment.ts';
import { noTotals, type Totals } from '#lib/evidence/totals.ts';
import { codeOf } from '../disk.ts';

/** How far a session's recording has come. */
export interface Progress {
  /** Of the next segment. */
  readonly index: number;
  /** SHA-256 of the last segment. */
  readonly previous: string | null;
  readonly totals: Totals;
  /** The last segment is final. */
  readonly final: boolean;
  /** There is a manifest: nothing is left to do. */
  readonly done: boolean;
}

/**
 * What the folder says, which is all that outlives a shipper. `onFault` hears of a last segment that does not
 * hold; the recording goes on behind it, chained to its bytes as they are, and readers name the fault.
 */
export function readProgress(dir: string, onFault: (fault: EvidenceFault) => void): Progress {
  const names = namesIn(dir);
  const indices = names.flatMap(name => {
    const match = segmentFilePattern.exec(name);
    return match ? [{ name, index: Number(match[1]) }] : [];
  });
  const last = indices.reduce<(typeof indices)[number] | undefined>(
    (found, next) => (found === undefined || next.index > found.index ? next : found),
    undefined,
  );
  const done = names.includes(manifestFileName);
  if (last === undefined) return { index: 0, previous: null, totals: noTotals(), final: false, done };
  const bytes = readFileSync(join(dir, last.name));
  const progress = { index: last.index + 1, previous: sha256(bytes), done };
  try {
    const { end } = readSegment(bytes);
    return { ...progress, totals: { ...end.totals }, final: end.final };
  } catch (cause) {
    if (!(cause instanceof EvidenceFault)) throw cause;
    onFault(cause.at({ file: join(dir, last.name) }));
    return { ...progress, totals: noTotals(), final: false };
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw cause;
  }
}
