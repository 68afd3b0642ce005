import {
  flagContinued,
  flagRefused,
  flagSupplement,
  readU64,
  recordHeaderBytes,
  recordTypes,
} from './record.ts';

/** What a session comes to, from its first record to the end of some segment. */
export interface Totals {
  records: number;
  clientBytes: number;
  serverBytes: number;
  /** Commands that were admitted to run; what only prepared them does not count. */
  commands: number;
  /** Commands that were refused. */
  refused: number;
  /** Elapsed time of the newest record, in nanoseconds. */
  elapsedNs: number;
}

export const noTotals = (): Totals => ({
  records: 0,
  clientBytes: 0,
  serverBytes: 0,
  commands: 0,
  refused: 0,
  elapsedNs: 0,
});

/**
 * Adds the records of `body`, which are whole and well formed, to `totals` and makes no object for any.
 * @returns the type of the last record; 0 when there is none
 */
export function count(body: Buffer, totals: Totals): number {
  let type = 0;
  for (let offset = 0; offset < body.length; ) {
    type = body[offset]!;
    const flags = body[offset + 1]!;
    const length = body.readUInt32BE(offset + 4);
    totals.records++;
    totals.elapsedNs = readU64(body, offset + 16) ?? totals.elapsedNs;
    if (type === recordTypes.clientBytes) totals.clientBytes += length;
    else if (type === recordTypes.serverBytes) totals.serverBytes += length;
    else if ((flags & flagContinued) === 0) {
      if (type === recordTypes.command && (flags & flagSupplement) === 0) totals.commands++;
      else if ((flags & flagRefused) !== 0) totals.refused++;
    }
    offset += recordHeaderBytes + length;
  }
  return type;
}
