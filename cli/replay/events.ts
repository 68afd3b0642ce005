import type { FoundOpenRecord } from '#lib/evidence/session.ts';

/** Text or bytes of a value, as the protocol carried it; null is the database's NULL. */
export type Value = { readonly text: string } | { readonly hex: string; readonly bytes: number } | null;

/** What policy said of a command. */
export interface DecisionShown {
  readonly effect: string;
  readonly policies: readonly string[];
  readonly message: string;
  /** Sequence number of the decision's record. */
  readonly record: number;
}

export interface ResultShown {
  readonly columns: readonly string[];
  /** The first rows. */
  readonly rows: readonly (readonly Value[])[];
  /** All rows. */
  readonly rowCount: number;
  /** The server's own words: `SELECT 3`. */
  readonly tag?: string;
  /** Bytes that went each way by COPY. */
  readonly copiedIn?: number;
  readonly copiedOut?: number;
}

export interface ServerMessage {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** What one channel of an SSH session is asked to do, or did. `channel` counts from 1. */
export interface SshCommandShown {
  /** `shell`, `exec`, `subsystem`, `sftp`, `scp`, `forward`, `listen`, `agent`, `x11`; of a refusal, policy's verb. */
  readonly what: string;
  /** The command line, the operation, the destination. */
  readonly text: string;
  /** More of it, by the names of its record. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** One thing in a transcript. Times are nanoseconds since the session opened. */
export type TranscriptEvent =
  | { readonly kind: 'open'; readonly atNs: number; readonly open: FoundOpenRecord }
  | {
      readonly kind: 'statement';
      readonly atNs: number;
      /** Until the server's answer was complete; undefined: it never was. */
      readonly durationNs: number | undefined;
      /** `query`, `execute`; `parse` or `bind` only where that failed. */
      readonly how: string;
      readonly text: string;
      /** Bytes of the text that are not shown. */
      readonly cutBytes: number;
      /** Name of the prepared statement. */
      readonly name?: string;
      readonly values: readonly Value[];
      readonly decision: DecisionShown | undefined;
      /** Why it was refused. */
      readonly refused: string | undefined;
      /** Durability that its record had before it was forwarded. */
      readonly level: string | undefined;
      readonly results: readonly ResultShown[];
      readonly errors: readonly ServerMessage[];
    }
  /** A command of an SSH session, as it was sent on or refused. */
  | {
      readonly kind: 'command';
      readonly atNs: number;
      /** Undefined: of none, or, of a refusal, the recording does not say. */
      readonly channel: number | undefined;
      readonly command: SshCommandShown;
      readonly decision: DecisionShown | undefined;
      readonly level: string | undefined;
      readonly refused: string | undefined;
    }
  /** What passed in a channel, when its program is over: text, or the number of its bytes. */
  | {
      readonly kind: 'output';
      readonly atNs: number;
      readonly channel: number;
      readonly stream: 'stdin' | 'stdout' | 'stderr';
      readonly lines: readonly string[];
      readonly moreLines: number;
      readonly bytes: number;
      /** It is no text. */
      readonly binary: boolean;
    }
  /** A line that was entered in a terminal, read from the emulated screen: an aid, no evidence. */
  | {
      readonly kind: 'entered';
      readonly atNs: number;
      readonly channel: number;
      readonly command: string;
    }
  /** What a terminal showed after such a line, read in the same way. */
  | {
      readonly kind: 'screen';
      readonly atNs: number;
      readonly channel: number;
      readonly lines: readonly string[];
      readonly moreLines: number;
      readonly headLost: boolean;
      readonly fullScreen: boolean;
    }
  /** Emulation would have taken too long: the recording has more than is shown here. */
  | { readonly kind: 'unread'; readonly atNs: number; readonly channel: number }
  /** Keys that the recording keeps back, since they were not echoed. */
  | { readonly kind: 'withheld'; readonly atNs: number; readonly channel: number; readonly bytes: number }
  | { readonly kind: 'signal'; readonly atNs: number; readonly channel: number; readonly signal: string }
  | {
      readonly kind: 'resize';
      readonly atNs: number;
      readonly channel: number;
      readonly cols: number;
      readonly rows: number;
    }
  /** A connection that came through a listener, or that leads to a session of its own. */
  | {
      readonly kind: 'connection';
      readonly atNs: number;
      readonly channel: number | undefined;
      readonly facts: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'file';
      readonly atNs: number;
      readonly channel: number;
      readonly path: string;
      readonly orPath: string | undefined;
      readonly direction: string;
      readonly bytes: number;
      readonly sha256: string | null;
      readonly why: string | undefined;
    }
  | {
      readonly kind: 'exit';
      readonly atNs: number;
      readonly channel: number;
      /** Undefined: the recording has none. */
      readonly status: number | undefined;
      readonly signal: string | undefined;
      /** It was never begun: the target's words. */
      readonly why: string | undefined;
      readonly durationNs: number;
      readonly bytesIn: number;
      readonly bytesOut: number;
    }
  | { readonly kind: 'notice'; readonly atNs: number; readonly notice: ServerMessage }
  | {
      readonly kind: 'notification';
      readonly atNs: number;
      readonly channel: string;
      readonly payload: string;
    }
  /** An error of the gateway's own. */
  | {
      readonly kind: 'error';
      readonly atNs: number;
      readonly code: string;
      readonly message: string;
      readonly detail?: string;
    }
  /** Evidence or bytes that do not hold. */
  | {
      readonly kind: 'fault';
      readonly atNs: number;
      readonly fault: string;
      readonly message: string;
      readonly place?: object;
    }
  | { readonly kind: 'end'; readonly atNs: number; readonly how: string; readonly reason?: string };

export type Events = Iterable<TranscriptEvent> | AsyncIterable<TranscriptEvent>;
export type Facts = Readonly<Record<string, unknown>>;

/** Where a JSON record stands. */
export interface RecordPlace {
  readonly sequence: number;
  readonly atNs: number;
  readonly supplement: boolean;
}

/** What a refused command was, as its decision has it. */
export interface Asked {
  readonly verb: string;
  readonly objects: readonly string[];
}

/** Makes events of a session's bytes: one per protocol. */
export interface Transcript {
  /** Bytes are views: copy what is kept. */
  clientBytes(bytes: Buffer, atNs: number, channel: number): Events;
  serverBytes(bytes: Buffer, atNs: number, channel: number): Events;
  /** A command record: it stands for the client's newest command, or says itself what it is. */
  command(record: Facts, decision: DecisionShown | undefined, place: RecordPlace): Events;
  /** A refusal: of the client's next command, where commands are in its bytes. */
  refusal(
    refused: Facts,
    decision: DecisionShown | undefined,
    asked: Asked | undefined,
    place: RecordPlace,
  ): Events;
  note(type: 'notice' | 'resize' | 'file', facts: Facts, place: RecordPlace): Events;
  /** When the oldest statement that is still to be shown was asked; undefined: none is. */
  pendingSince(): number | undefined;
  /** The recording is at an end: what has begun and not ended. */
  finish(atNs: number): Events;
}

export interface TranscriptOptions {
  /** Rows kept of each result, lines of what a program shows. */
  readonly rows: number;
  /** Bytes kept of each message: text past that is counted, not shown. */
  readonly bytes: number;
  /** How long each terminal may be emulated to read its screen; 0: not at all. */
  readonly screenMs?: number;
}
