import type { SallyportError } from '#lib/errors.ts';

/**
 * What one session hands its evidence to. Nothing here waits: records are taken in order, and `whenDurable`
 * says when (and whether) all that was taken so far is in the journal.
 *
 * Each method that takes bytes or JSON copies what it takes before it returns. It throws
 * {@link SallyportError} `evidenceUnavailable` when the journal has been failing for so long that it can hold
 * no more in memory: then the bytes were not taken and must not be forwarded.
 */
export interface SessionRecorder {
  /** Bytes from the client. They go out with this event-loop turn. */
  clientBytes(chunk: Uint8Array, channel?: number): void;
  /** Bytes to the client, masked. They go out with the session's next write, or within a second. */
  serverBytes(chunk: Uint8Array, channel?: number): void;
  /**
   * JSON of a {@link CommandRecord}. Gives the record's sequence number.
   *
   * @param supplement it is no execution: it completes an earlier record (`{"of": <its sequence>, ...}`) or
   *   prepares what later ones execute
   */
  command(json: string, supplement: boolean): number;
  /** JSON of a decision, with verb, operations, functions and risk. Gives the record's sequence number. */
  decision(json: string): number;
  /**
   * JSON of an error that the client was told of: `{"code", "message"}`. With a `decision` (a sequence
   * number, or null where no policy was asked) it is the refusal of a command, and counts as one.
   */
  error(json: string): void;
  /** JSON of a notice to the client, of a terminal's size, of facts about a file. */
  note(type: 'notice' | 'resize' | 'file', json: string): void;
  /** JSON of a {@link SessionEnd}. The last record: every later call is a `TypeError`, except `whenDurable`. */
  end(json: string): void;
  /**
   * Calls `then` at the end of this event-loop turn (with fsync: when the disk has it) once all that was
   * taken so far is in the journal, in the order of the calls; with `evidenceUnavailable` if it is not.
   * What was refused in this way may still turn up in the recording when the disk recovers.
   */
  whenDurable(then: (failure?: SallyportError) => void): void;
  /** Stop reading from both sides until `onRelief` calls back. */
  readonly pressure: boolean;
  /** The disk takes nothing now: what is asked is refused. */
  readonly failing: boolean;
  /** Calls back once, when there is no pressure; at once if there is none. */
  onRelief(then: () => void): void;
}
