import { z } from 'zod';
import type { Principal } from '#lib/identity/principal.ts';

/** What is known when a session opens, before its target's credentials are fetched. */
export interface SessionHead {
  /** Names the reader of the session's bytes: `postgres`. */
  readonly protocol: string;
  readonly principal: Principal;
  readonly target: string;
  /** Within the target: a database, a login. */
  readonly place?: string;
  /** Address (and port, where known) that the client came from. */
  readonly clientAddress: string;
  /** The session that the connection came through, where it came through one. */
  readonly via?: string;
  /** Version of the policy snapshot that let it in. */
  readonly policyVersion?: string;
  readonly grant?: { readonly id: string; readonly reason: string };
  /** More facts of the protocol's own. */
  readonly [fact: string]: unknown;
}

/** The open record: the head, and what the journal adds. */
export interface OpenRecord extends SessionHead {
  /** UUID of the session. */
  readonly session: string;
  readonly task: string;
  /** Milliseconds since the epoch, by the task's clock. */
  readonly startedAt: number;
}

/** What a reader must find in an open record; it may be asked to believe less than the writer promised. */
export const openRecordShape = z.looseObject({
  session: z.string(),
  task: z.string(),
  startedAt: z.number(),
  protocol: z.string(),
  principal: z.looseObject({
    issuer: z.string(),
    subject: z.string(),
    name: z.string(),
    kind: z.string(),
    groups: z.array(z.string()),
  }),
  target: z.string(),
  place: z.string().optional(),
  clientAddress: z.string(),
  via: z.string().optional(),
  policyVersion: z.string().optional(),
  grant: z.looseObject({ id: z.string(), reason: z.string() }).optional(),
});
export type FoundOpenRecord = z.infer<typeof openRecordShape>;

/** The end record's JSON. */
export interface SessionEnd {
  /** `closed` by the client or the target, an error code of the table in lib/errors.ts otherwise. */
  readonly how: string;
  readonly reason?: string;
}

/** The command record's JSON. */
export interface CommandRecord {
  /** Sequence number of the decision record that it runs under. */
  readonly decision: number;
  /** SHA-256 of the text's exact bytes, lower-case hex; null where a later record completes it. */
  readonly sha256: string | null;
  /** Length of the text in bytes. */
  readonly bytes: number;
  /** Durability that was asked for. */
  readonly level: string;
  /** In the protocol's words: PostgreSQL has `simple`, `parse` and `execute`. */
  readonly kind: string;
  readonly statement?: string;
}
