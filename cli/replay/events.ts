import type { FoundOpenRecord } from '#lib/evidence/session.ts';

/** Text or bytes of a value, as the protocol carried it; null is the database's NULL. */
export type Value = { readonly text: string } | { readonly hex: string; readonly bytes: number } | null;

/** What policy said of a statement. */
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

/** Makes events of a session's bytes: one per protocol. */
export interface Transcript {
  clientBytes(bytes: Buffer, atNs: number): Iterable<TranscriptEvent>;
  serverBytes(bytes: Buffer, atNs: number): Iterable<TranscriptEvent>;
  /** A command record: it stands for the client's newest command. */
  command(
    record: { readonly kind?: unknown; readonly level?: unknown },
    decision: DecisionShown | undefined,
  ): void;
  /** A refusal: of the client's next command. */
  refusal(message: string, decision: DecisionShown | undefined): void;
  /** When the oldest statement that is still to be shown was asked; undefined: none is. */
  pendingSince(): number | undefined;
  /** The recording is at an end: what has begun and not ended. */
  finish(): Iterable<TranscriptEvent>;
}

export interface TranscriptOptions {
  /** Rows kept of each result. */
  readonly rows: number;
  /** Bytes kept of each message: text past that is counted, not shown. */
  readonly bytes: number;
}
