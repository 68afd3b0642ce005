import type { SallyportError } from '#lib/errors.ts';
import {
  flagContinued,
  flagRefused,
  flagSupplement,
  maxPayloadBytes,
  type RecordType,
  recordHeaderBytes,
  recordTypes,
} from '#lib/evidence/record.ts';
import { Gather, type GatherPool, gatherBytes } from './gather.ts';
import type { SessionRecorder } from './recorder.ts';
import type { SessionState, TurnBuffer } from './turn-buffer.ts';

/** Chunks from here on are bulk: gathered per session and compressed. */
const bulkBytes = 4 * 1024;
/** Text up to here is encoded in place; three bytes a character is the most that UTF-8 takes. */
const inPlaceCharacters = Math.floor(maxPayloadBytes / 3);
/** All sessions together hold at most this many gather buffers for longer than one call (32 MiB). */
const maxGathers = (32 * 1024 * 1024) / gatherBytes;
/** After a block that does not shrink, archives and images as a rule, so many go uncompressed. */
const untriedBlocks = 15;
/** A gather buffer with less room than this is full: no crumbs of records. */
const leastRoom = 1024;

/** In an error record: the decision that refused a command. */
const refusal = '"decision":';

/** What a session needs of the journal that it belongs to. */
export interface Intake {
  readonly turn: TurnBuffer;
  readonly pool: GatherPool;
  /** Sessions with bulk bytes in hand. */
  readonly gathering: Set<JournaledSession>;
  readonly pressure: boolean;
  readonly failing: boolean;
  now(): number;
  /** Throws `evidenceUnavailable` when no more can be held in memory. */
  admit(): void;
  /** What was taken goes out at the end of this turn. */
  wake(): void;
  /** The same for this session's bulk bytes. */
  wakeWith(session: JournaledSession): void;
  /** What was taken goes out within a second. */
  wakeLazily(): void;
  whenDurable(then: (failure?: SallyportError) => void): void;
  onRelief(then: () => void): void;
  ended(state: SessionState): void;
}

/** One session's way into the journal. */
export class JournaledSession implements SessionRecorder {
  readonly #state: SessionState;
  readonly #intake: Intake;
  #gather: Gather | undefined;
  #open = true;
  /** Blocks that compression is not tried on. */
  #untried = 0;

  constructor(state: SessionState, intake: Intake, open: string) {
    this.#state = state;
    this.#intake = intake;
    this.#json(recordTypes.open, open);
  }

  get pressure(): boolean {
    return this.#intake.pressure;
  }

  get failing(): boolean {
    return this.#intake.failing;
  }

  clientBytes(chunk: Uint8Array, channel = 0): void {
    this.#admit();
    if (chunk.length < bulkBytes) {
      this.drain();
      this.#inline(recordTypes.clientBytes, chunk, channel);
    } else {
      this.#bulk(recordTypes.clientBytes, chunk, channel);
      this.#intake.wakeWith(this);
    }
    this.#intake.wake();
  }

  serverBytes(chunk: Uint8Array, channel = 0): void {
    this.#admit();
    if (this.#gather === undefined && chunk.length < bulkBytes) {
      this.#inline(recordTypes.serverBytes, chunk, channel);
    } else {
      this.#bulk(recordTypes.serverBytes, chunk, channel);
      if (this.#intake.pool.held > maxGathers) this.drain();
    }
    this.#intake.wakeLazily();
  }

  command(json: string, supplement: boolean): number {
    this.#admit();
    return this.#json(recordTypes.command, json, supplement ? flagSupplement : 0);
  }

  decision(json: string): number {
    this.#admit();
    return this.#json(recordTypes.decision, json);
  }

  error(json: string): void {
    this.#mustBeOpen();
    this.#json(recordTypes.error, json, json.includes(refusal) ? flagRefused : 0);
  }

  note(type: 'notice' | 'resize' | 'file', json: string): void {
    this.#admit();
    this.#json(recordTypes[type], json);
  }

  end(json: string): void {
    this.#mustBeOpen();
    this.#json(recordTypes.end, json);
    this.#open = false;
    this.#intake.ended(this.#state);
  }

  whenDurable(then: (failure?: SallyportError) => void): void {
    this.#intake.whenDurable(then);
  }

  onRelief(then: () => void): void {
    this.#intake.onRelief(then);
  }

  /** Moves what is gathered into the turn. */
  drain(): void {
    const gather = this.#gather;
    if (gather === undefined) return;
    this.#gather = undefined;
    this.#intake.gathering.delete(this);
    const tries = this.#untried === 0;
    const worthwhile = gather.drain(this.#intake.turn, tries);
    if (tries) this.#untried = worthwhile ? 0 : untriedBlocks;
    else this.#untried -= 1;
    this.#intake.pool.give(gather.buffer);
  }

  #admit(): void {
    this.#mustBeOpen();
    this.#intake.admit();
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new TypeError('the session has ended: nothing more can be recorded in it');
  }

  #inline(type: RecordType, bytes: Uint8Array, channel: number): void {
    if (bytes.length === 0) return;
    const { turn } = this.#intake;
    const at = turn.reserve(this.#state, bytes.length);
    turn.buffer.set(bytes, at);
    turn.commit(type, 0, channel, bytes.length);
  }

  #bulk(type: RecordType, bytes: Uint8Array, channel: number): void {
    const elapsedNs = this.#intake.now() - this.#state.startedNs;
    let done = 0;
    while (done < bytes.length) {
      const left = bytes.length - done;
      if (this.#gather !== undefined && this.#gather.room < Math.min(left, leastRoom)) this.drain();
      const gather = this.#gather ?? this.#beginGather();
      const length = Math.min(left, maxPayloadBytes, gather.room);
      const flags = length < left ? flagContinued : 0;
      gather.add(type, flags, channel, bytes.subarray(done, done + length), elapsedNs);
      done += length;
    }
  }

  #beginGather(): Gather {
    // The session's place in the turn is closed first: its records there come before the gathered ones.
    this.#intake.turn.seal();
    const gather = new Gather(this.#state, this.#intake.pool.take());
    this.#gather = gather;
    this.#intake.gathering.add(this);
    return gather;
  }

  #json(type: RecordType, text: string, flags = 0): number {
    this.drain();
    const { turn } = this.#intake;
    this.#intake.wake();
    if (text.length <= inPlaceCharacters) {
      const at = turn.reserve(this.#state, text.length * 3);
      return turn.commit(type, flags, 0, turn.buffer.write(text, at));
    }
    const bytes = Buffer.from(text);
    const first = this.#state.sequence;
    for (let done = 0; done < bytes.length; done += maxPayloadBytes) {
      const piece = bytes.subarray(done, done + maxPayloadBytes);
      const at = turn.reserve(this.#state, piece.length);
      turn.buffer.set(piece, at);
      turn.commit(type, flags | (done + piece.length < bytes.length ? flagContinued : 0), 0, piece.length);
    }
    return first;
  }
}

/** What a record of the largest payload takes. */
export const maxRecordBytes = recordHeaderBytes + maxPayloadBytes;
