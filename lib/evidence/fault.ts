/**
 * What can be wrong with evidence. Each kind is a name that a report can be searched for; the place says where:
 * session, segment file, byte offset, sequence number, as far as they are known.
 */
export type FaultKind =
  /** Not one of our files, or of a version this reader does not know. */
  | 'unknownFormat'
  /** The file ends before its end mark: the writer stopped early, or somebody cut it. */
  | 'truncated'
  /** Bytes after the end mark that nothing accounts for. */
  | 'trailingBytes'
  /** The bytes do not have the digest that the end mark states. */
  | 'digestMismatch'
  /** Does not follow from the segment before it. */
  | 'chainBroken'
  /** A segment file that must be there is not. */
  | 'segmentMissing'
  /** A record header or a frame that breaks the format. */
  | 'malformed'
  /** A size past the format's limits; nothing was allocated for it. */
  | 'oversized'
  /** Sequence numbers do not go up by one. */
  | 'sequenceGap'
  /** Elapsed time runs backwards. */
  | 'timeBackwards'
  /** Counts in an end mark or manifest are not those of the records. */
  | 'countMismatch'
  /** The session has ended and has no manifest. */
  | 'manifestMissing'
  /** The manifest is not the one that follows from the segments. */
  | 'manifestMismatch'
  /** A file in the session's folder that the format does not know. */
  | 'strayFile'
  /** The file could not be read. */
  | 'unreadable';

export interface Place {
  readonly session?: string;
  /** File name within the session's folder. */
  readonly file?: string;
  /** Byte offset in the file; inside a frame, of the frame. */
  readonly offset?: number;
  readonly sequence?: number;
}

/** Evidence that does not hold, and where. */
export class EvidenceFault extends Error {
  override readonly name = 'EvidenceFault';
  readonly kind: FaultKind;
  readonly place: Place;

  constructor(kind: FaultKind, message: string, place: Place = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.place = place;
  }

  /** The same fault, its place completed by what an outer reader knows. */
  at(place: Place): EvidenceFault {
    return new EvidenceFault(this.kind, this.message, { ...place, ...this.place }, this.cause);
  }
}
