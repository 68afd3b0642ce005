import { EvidenceFault } from './fault.ts';
import { JsonRecord } from './json-record.ts';
import type { SessionSource } from './reader.ts';
import { decodeRecords } from './record.ts';
import { maxSegmentBytes, readSegment, segmentFileName } from './segment.ts';
import { decompressFrame } from './zstd-frame.ts';

const maxCommands = 1_000;

/**
 * Command records of a session's first segment, so that a list can say what a session was for without reading
 * all of it. Throws {@link EvidenceFault} when that segment does not hold.
 *
 * @returns JSON as it was found, without what completes earlier commands
 */
export async function readFirstCommands(source: SessionSource): Promise<readonly object[]> {
  const commands: object[] = [];
  try {
    const segment = readSegment(await source.read(segmentFileName(0), maxSegmentBytes));
    const json = new JsonRecord();
    for (const { frame, contentBytes } of segment.frames) {
      for (const record of decodeRecords(decompressFrame(frame, contentBytes))) {
        if (record.type !== 'command' || record.supplement) continue;
        const value = json.add(record);
        if (typeof value === 'object' && value !== null) commands.push(value);
        if (commands.length >= maxCommands) return commands;
      }
    }
  } catch (cause) {
    if (cause instanceof EvidenceFault) throw cause.at({ session: source.id });
    throw cause;
  }
  return commands;
}
