import { JsonRecord } from './json-record.ts';
import { decodeRecords, type RecordName } from './record.ts';
import type { Segment } from './segment.ts';
import { decompressFrame } from './zstd-frame.ts';

/**
 * The value of the first whole JSON record of that type in the segment; undefined when there is none. Throws
 * {@link EvidenceFault} when the segment's records do not hold.
 */
export function findJson(segment: Segment, type: RecordName): unknown {
  const json = new JsonRecord();
  for (const { frame, contentBytes } of segment.frames) {
    for (const record of decodeRecords(decompressFrame(frame, contentBytes))) {
      if (record.type !== type) continue;
      const value = json.add(record);
      if (value !== undefined) return value;
    }
  }
  return undefined;
}
