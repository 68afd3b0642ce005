import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { findJson } from '#lib/evidence/find-json.ts';
import {
  encodeManifest,
  type ManifestSegment,
  manifestFileName,
  manifestSegment,
} from '#lib/evidence/manifest.ts';
import { readSegment, type Segment, segmentFilePattern } from '#lib/evidence/segment.ts';
import type { OpenRecord, SessionEnd } from '#lib/evidence/session.ts';
import { syncFolder } from './segment-file.ts';

/**
 * Writes a session's manifest from its segments, one of them in memory at a time. Throws
 * {@link EvidenceFault} when those that it reads do not hold: then there can be no manifest.
 *
 * @param known what the manifest says of each segment, where the caller wrote all of them itself: only those with the
 *   first and the last word are read again then
 */
export function sealSession(dir: string, fsync: boolean, known: readonly ManifestSegment[] = []): void {
  const names = readdirSync(dir).filter(name => segmentFilePattern.test(name));
  names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const parts: ManifestSegment[] = [];
  let open: OpenRecord | undefined;
  let last: Segment | undefined;
  const trusted = known.length === names.length;
  for (const [index, name] of names.entries()) {
    if (trusted && open !== undefined && index < names.length - 1) {
      parts.push(known[index]!);
      continue;
    }
    last = readSegment(readFileSync(join(dir, name)));
    parts.push(manifestSegment(last));
    open ??= findJson(last, 'open') as OpenRecord | undefined;
  }
  if (last === undefined || open === undefined) {
    throw new EvidenceFault('malformed', 'the session has no open record', { file: dir });
  }
  const end = last.end.lost === undefined ? (findJson(last, 'end') as SessionEnd | undefined) : undefined;
  const path = join(dir, manifestFileName);
  const fd = openSync(`${path}.part`, 'w', 0o600);
  try {
    writeFileSync(fd, encodeManifest(open, parts, last, end));
    if (fsync) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.part`, path);
  if (fsync) syncFolder(dir);
}
