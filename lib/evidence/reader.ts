import { EvidenceFault, type Place } from './fault.ts';
import { JsonRecord } from './json-record.ts';
import { encodeManifest, type ManifestSegment, manifestFileName, manifestSegment } from './manifest.ts';
import { decodeRecords, type EvidenceRecord } from './record.ts';
import { maxSegmentBytes, readSegment, type Segment, segmentFilePattern } from './segment.ts';
import type { OpenRecord, SessionEnd } from './session.ts';
import { count, noTotals, type Totals } from './totals.ts';
import { decompressFrame } from './zstd-frame.ts';

/** Where a session's files are: a folder today. */
export interface SessionSource {
  /** UUID of the session, as its place is named. */
  readonly id: string;
  /** Names of its files, in any order. */
  list(): Promise<readonly string[]>;
  /** A file's bytes. Throws {@link EvidenceFault} `oversized` past `maxBytes`, `unreadable` when it can't be read. */
  read(name: string, maxBytes: number): Promise<Buffer>;
}

export type SessionEvent =
  | { readonly kind: 'record'; readonly record: EvidenceRecord; readonly file: string }
  | { readonly kind: 'fault'; readonly fault: EvidenceFault }
  /** The last event, always. `final`: the session has ended; else it runs still, or its tail is missing. */
  | {
      readonly kind: 'summary';
      readonly totals: Readonly<Totals>;
      readonly segments: number;
      readonly final: boolean;
      /** Why it has no end record, where it has ended without one. */
      readonly lost: string | undefined;
    };

/** A manifest lists every segment: some 100 bytes each. */
const maxManifestBytes = 64 * 1024 * 1024;

/**
 * Reads a session from its first record to its last, holding one segment at a time, and checks all of it on
 * the way: digests, chain, sequence, time, counts, manifest. What is wrong is an event with its place; what
 * can be read in spite of it is still given. A record's payload is a view that must be copied to be kept.
 */
export async function* readSession(source: SessionSource): AsyncGenerator<SessionEvent, void, void> {
  const reading = new Reading(source);
  yield* reading.files();
  yield* reading.segments();
  yield* reading.manifest();
  yield {
    kind: 'summary',
    totals: reading.totals,
    segments: reading.count,
    final: reading.last?.end.final ?? false,
    lost: reading.last?.end.lost?.reason,
  };
}

class Reading {
  readonly totals: Totals = noTotals();
  last: Segment | undefined;
  readonly #source: SessionSource;
  readonly #parts: ManifestSegment[] = [];
  readonly #openJson = new JsonRecord();
  readonly #endJson = new JsonRecord();
  #names: { readonly name: string; readonly index: number }[] = [];
  #hasManifest = false;
  #open: OpenRecord | undefined;
  #end: SessionEnd | undefined;
  /** The next segment must follow from this one; undefined after one that could not be read. */
  #before: Segment | undefined;
  #sequence = 0;
  #elapsedNs = 0;
  #whole = true;

  constructor(source: SessionSource) {
    this.#source = source;
  }

  get count(): number {
    return this.#parts.length;
  }

  async *files(): AsyncGenerator<SessionEvent, void, void> {
    for (const name of await this.#source.list()) {
      const match = segmentFilePattern.exec(name);
      if (match) this.#names.push({ name, index: Number(match[1]) });
      else if (name === manifestFileName) this.#hasManifest = true;
      // A file that is being written is no evidence yet.
      else if (!name.endsWith('.part'))
        yield this.#fault('strayFile', 'not a file of a recording', { file: name });
    }
    this.#names.sort((a, b) => a.index - b.index);
  }

  async *segments(): AsyncGenerator<SessionEvent, void, void> {
    let expected = 0;
    for (const { name, index } of this.#names) {
      if (index > expected) {
        yield this.#fault('segmentMissing', missing(expected, index - 1), { file: name });
        this.#before = undefined;
      } else if (index < expected) {
        yield this.#fault('strayFile', `a second segment ${index}`, { file: name });
        continue;
      }
      const follows = expected === index;
      expected = index + 1;
      try {
        yield* this.#segment(await this.#read(name, maxSegmentBytes), name, index, follows);
      } catch (cause) {
        if (!(cause instanceof EvidenceFault)) throw cause;
        this.#before = undefined;
        yield { kind: 'fault', fault: this.#placed(cause, { file: name }) };
      }
    }
  }

  async *manifest(): AsyncGenerator<SessionEvent, void, void> {
    const final = this.last?.end.final === true;
    const file = manifestFileName;
    if (!this.#hasManifest) {
      if (final) yield this.#fault('manifestMissing', 'the session has ended and has no manifest', { file });
      else if (this.last === undefined) yield this.#fault('segmentMissing', 'the session has no segment', {});
      return;
    }
    if (!final) {
      yield this.#fault('segmentMissing', 'there is a manifest, but not the segment that ends the session', {
        file,
      });
      return;
    }
    // What follows from damaged segments can't be compared; the damage has been named already.
    if (!this.#whole || this.last === undefined || this.#open === undefined) return;
    try {
      const found = await this.#read(file, maxManifestBytes);
      if (!found.equals(encodeManifest(this.#open, this.#parts, this.last, this.#end))) {
        yield this.#fault('manifestMismatch', 'not the manifest that follows from the segments', { file });
      }
    } catch (cause) {
      if (!(cause instanceof EvidenceFault)) throw cause;
      yield { kind: 'fault', fault: this.#placed(cause, { file }) };
    }
  }

  async #read(name: string, maxBytes: number): Promise<Buffer> {
    return await this.#source.read(name, maxBytes);
  }

  *#segment(
    bytes: Buffer,
    file: string,
    index: number,
    follows: boolean,
  ): Generator<SessionEvent, void, void> {
    const segment = readSegment(bytes);
    const { head, end } = segment;
    if (this.last?.end.final) yield this.#fault('chainBroken', 'goes on after its final segment', { file });
    if (head.session !== this.#source.id) {
      yield this.#fault('chainBroken', `a segment of session ${head.session}`, { file });
    }
    if (head.index !== index)
      yield this.#fault('chainBroken', `a segment with number ${head.index}`, { file });
    const previous = index === 0 ? null : this.#before?.sha256;
    if (previous !== undefined && head.previous !== previous) {
      yield this.#fault('chainBroken', 'does not follow from the segment before it', { file });
    }
    if (this.last !== undefined && head.task !== this.last.head.task) {
      yield this.#fault('chainBroken', `a segment of task ${head.task}`, { file });
    }
    // After a segment that could not be read, this one says where it takes up.
    const resumed = index > 0 && this.#before === undefined;
    if (resumed) this.#sequence = head.firstSequence;
    if (head.firstSequence !== this.#sequence) {
      yield this.#fault('sequenceGap', `begins with record ${head.firstSequence}, not ${this.#sequence}`, {
        file,
      });
      this.#sequence = head.firstSequence;
    }
    this.#before = segment;
    this.last = segment;
    this.#parts.push(manifestSegment(segment));
    yield* this.#records(segment, file);
    if (resumed || !follows) Object.assign(this.totals, end.totals);
    yield* this.#close(segment, file);
  }

  *#records({ frames, end }: Segment, file: string): Generator<SessionEvent, void, void> {
    let records = 0;
    let bytes = 0;
    for (const { offset, frame, contentBytes } of frames) {
      try {
        const body = decompressFrame(frame, contentBytes);
        bytes += body.length;
        for (const record of decodeRecords(body)) {
          records++;
          yield* this.#check(record, file);
          yield { kind: 'record', record, file };
        }
        count(body, this.totals);
      } catch (cause) {
        if (!(cause instanceof EvidenceFault)) throw cause;
        // The offset of a fault inside a frame means nothing to somebody who holds the file.
        throw new EvidenceFault(cause.kind, cause.message, { ...cause.place, file, offset }, cause);
      }
    }
    if (records !== end.records || bytes !== end.bytes) {
      yield this.#fault('countMismatch', `holds ${records} records, the end mark states ${end.records}`, {
        file,
      });
    }
  }

  *#check(record: EvidenceRecord, file: string): Generator<SessionEvent, void, void> {
    const place = { file, sequence: record.sequence };
    if (this.#end !== undefined) yield this.#fault('malformed', 'a record after the end record', place);
    if (record.sequence !== this.#sequence) {
      yield this.#fault('sequenceGap', `record ${record.sequence} where ${this.#sequence} belongs`, place);
    }
    if (record.elapsedNs < this.#elapsedNs) yield this.#fault('timeBackwards', 'time runs backwards', place);
    this.#sequence = record.sequence + 1;
    this.#elapsedNs = record.elapsedNs;
    if (record.type === 'open') this.#open = this.#openJson.add(record) as OpenRecord | undefined;
    else if (record.type === 'end') this.#end = this.#endJson.add(record) as SessionEnd | undefined;
    else if (record.sequence === 0)
      yield this.#fault('malformed', 'the first record is not an open record', place);
  }

  *#close({ head, end }: Segment, file: string): Generator<SessionEvent, void, void> {
    const counted = this.totals;
    const names = Object.keys(counted) as (keyof Totals)[];
    const differ = names.filter(name => counted[name] !== end.totals[name]);
    if (differ.length > 0) {
      yield this.#fault('countMismatch', `totals differ from the records: ${differ.join(', ')}`, { file });
      Object.assign(counted, end.totals);
    }
    const lost = end.lost !== undefined;
    if (end.final ? lost === (this.#end !== undefined) : lost || this.#end !== undefined) {
      yield this.#fault('malformed', `segment ${head.index} does not end as its session does`, { file });
    }
  }

  #fault(kind: EvidenceFault['kind'], message: string, place: Place): SessionEvent {
    return { kind: 'fault', fault: this.#placed(new EvidenceFault(kind, message), place) };
  }

  #placed(fault: EvidenceFault, place: Place): EvidenceFault {
    this.#whole = false;
    return fault.at({ session: this.#source.id, ...place });
  }
}

function missing(from: number, to: number): string {
  return from === to ? `segment ${from} is missing` : `segments ${from} to ${to} are missing`;
}
