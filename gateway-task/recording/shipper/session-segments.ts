import { join } from 'node:path';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import type { ManifestSegment } from '#lib/evidence/manifest.ts';
import { recordTypes } from '#lib/evidence/record.ts';
import { segmentBytes, segmentMs } from '#lib/evidence/segment.ts';
import { count, type Totals } from '#lib/evidence/totals.ts';
import type { BlockHeader } from '../block.ts';
import { type Progress, readProgress } from './resume.ts';
import { sealSession } from './seal-session.ts';
import { SegmentFile } from './segment-file.ts';

export interface SessionSegmentsOptions {
  readonly recordingsDir: string;
  readonly session: string;
  readonly task: string;
  readonly fsync: boolean;
  readonly onFault: (message: string, fault?: EvidenceFault) => void;
}

interface OpenSegment {
  readonly file: SegmentFile;
  readonly firstSequence: number;
  readonly openedMs: number;
  /** Number of the journal file with its first block: it and all after it are still needed. */
  readonly journalFile: number;
  records: number;
  bytes: number;
  /** Its last record is the end record. */
  ended: boolean;
}

/** One session's way from the journal into its folder. */
export class SessionSegments {
  readonly #options: SessionSegmentsOptions;
  readonly #dir: string;
  readonly #totals: Totals;
  #index: number;
  #previous: string | null;
  #final: boolean;
  #done: boolean;
  /** Of the next record; after a segment that does not hold, whatever comes. */
  #sequence: number;
  #segment: OpenSegment | undefined;
  /** What the manifest will say of the segments that were written here. */
  readonly #written: ManifestSegment[] = [];

  constructor(options: SessionSegmentsOptions) {
    this.#options = options;
    this.#dir = join(options.recordingsDir, options.session);
    const progress: Progress = readProgress(this.#dir, fault =>
      options.onFault('a sealed segment does not hold', fault),
    );
    this.#index = progress.index;
    this.#previous = progress.previous;
    this.#totals = progress.totals;
    this.#sequence = progress.totals.records;
    this.#final = progress.final;
    this.#done = progress.done;
    if (this.#final && !this.#done) this.#seal();
  }

  /** Nothing is left to do for it. */
  get done(): boolean {
    return this.#done;
  }

  /** Number of the first journal file that is still needed. */
  get journalFile(): number | undefined {
    return this.#segment?.journalFile;
  }

  get heldBytes(): number {
    return this.#segment?.file.heldBytes ?? 0;
  }

  /** Takes a block of its records, unless they are in a sealed segment already. */
  take(header: BlockHeader, body: Buffer, journalFile: number, nowMs: number): void {
    if (header.records === 0 || this.#final || header.first + header.records <= this.#sequence) return;
    if (header.first !== this.#sequence) {
      this.#options.onFault(`record ${header.first} where ${this.#sequence} belongs`);
    }
    this.#segment ??= this.#begin(header.first, journalFile, nowMs);
    const segment = this.#segment;
    if (header.kind === 'raw') {
      segment.ended = count(body, this.#totals) === recordTypes.end;
      segment.file.addRecords(body);
    } else {
      this.#totals.records += header.records;
      this.#totals.clientBytes += header.clientBytes;
      this.#totals.serverBytes += header.serverBytes;
      this.#totals.elapsedNs = header.elapsedNs;
      segment.file.addFrame(body);
    }
    segment.records += header.records;
    segment.bytes += header.uncompressed;
    this.#sequence = header.first + header.records;
    if (segment.ended || segment.file.bytes >= segmentBytes) this.close();
  }

  /** Closes the segment when it is old enough. */
  closeWhenDue(nowMs: number): void {
    if (this.#segment !== undefined && nowMs - this.#segment.openedMs >= segmentMs) this.close();
  }

  /** Moves what is in memory to the disk. */
  flush(): void {
    this.#segment?.file.flush();
  }

  /** Closes the open segment; and the session with it, if it has ended. */
  close(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#finish(segment, segment.ended ? { final: true } : { final: false });
  }

  /** Its task is gone and there will be no end record. */
  lose(reason: string, nowMs: number): void {
    if (this.#final) return;
    const segment = this.#segment ?? this.#begin(this.#sequence, 0, nowMs);
    this.#finish(segment, { final: true, lost: { reason } });
  }

  #begin(firstSequence: number, journalFile: number, openedMs: number): OpenSegment {
    const { session, task, fsync } = this.#options;
    const head = { session, task, index: this.#index, previous: this.#previous, firstSequence };
    const file = new SegmentFile(this.#dir, head, fsync);
    return { file, firstSequence, openedMs, journalFile, records: 0, bytes: 0, ended: false };
  }

  #finish(segment: OpenSegment, how: { final: boolean; lost?: { reason: string } }): void {
    const { records, bytes } = segment;
    this.#previous = segment.file.finish({ records, bytes, ...how, totals: this.#totals });
    this.#written.push({ sha256: this.#previous, records, bytes });
    this.#segment = undefined;
    this.#index++;
    this.#final = how.final;
    if (how.final) this.#seal();
  }

  #seal(): void {
    try {
      sealSession(this.#dir, this.#options.fsync, this.#written);
    } catch (cause) {
      if (!(cause instanceof EvidenceFault)) throw cause;
      // Readers will miss the manifest and name what is wrong; the next session must not wait for this one.
      this.#options.onFault('a session cannot be given a manifest', cause);
    }
    this.#done = true;
  }
}
