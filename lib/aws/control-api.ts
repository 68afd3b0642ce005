import { z } from 'zod';
import { grantSchema, identityKeySchema, lockSchema, reasonSchema } from '#lib/aws/access-records.ts';
import { liveSessionSchema } from '#lib/aws/live-sessions.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';
import { targetName } from '#lib/policy/config/targets.ts';

/** The control plane's HTTP API in one place: what its functions answer is what its clients expect. */

const version = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** POST /v1/lookup. `principal: null` asks for what concerns everybody: the snapshot and all locks. */
export const lookupRequestSchema = z.object({
  principal: identityKeySchema
    .extend({ onBehalfOf: z.object({ subject: identityKeySchema.shape.subject }).exactOptional() })
    .nullable(),
  target: targetName.nullable(),
  /** The version that the caller holds already. */
  known: version.exactOptional(),
});
export type LookupRequest = Readonly<z.output<typeof lookupRequestSchema>>;

export const lookupAnswerSchema = z.object({
  version,
  /** Milliseconds since the epoch, by the control plane's clock. */
  issuedAt: z.int(),
  /** For how long the answer may be relied on. */
  maxAgeMs: z.int().min(1),
  /** Absent when the caller knows it. `parseSnapshot` reads it. */
  snapshot: z.unknown().optional(),
  grants: z.array(grantSchema),
  locks: z.array(lockSchema),
});
export type LookupAnswer = Readonly<z.output<typeof lookupAnswerSchema>>;

/** POST /v1/tickets */
export const ticketRequestSchema = z.strictObject({
  target: targetName,
  ttlSeconds: z.int().min(1).max(900).default(300),
});
export const ticketAnswerSchema = z.object({
  ticket: z.string(),
  /** Milliseconds since the epoch. */
  expiresAt: z.int(),
});
export type TicketAnswer = Readonly<z.output<typeof ticketAnswerSchema>>;

/** POST /v1/tickets/redeem */
export const redeemRequestSchema = z.strictObject({ ticket: z.string().max(128), target: targetName });
export const redeemAnswerSchema = z.object({ principal: principalSchema });

/** GET /v1/sessions */
export const sessionsAnswerSchema = z.object({
  sessions: z.array(liveSessionSchema).readonly(),
  /** There are more than are listed. */
  truncated: z.boolean(),
});
export type SessionsAnswer = Readonly<z.output<typeof sessionsAnswerSchema>>;

/** POST /v1/sessions/{id}/kill */
export const killRequestSchema = z.strictObject({ reason: reasonSchema });
export const killAnswerSchema = z.object({
  sessionId: z.string(),
  /** The order is in the mailbox of the session's task, which looks every second or two. */
  state: z.literal('ordered'),
  /** Whether the task renews its lease; if not, it is gone or cannot be told. */
  heardFrom: z.boolean(),
});
export type KillAnswer = Readonly<z.output<typeof killAnswerSchema>>;

/** Every `code` of a problem (RFC 9457) that the API answers with. */
export const problemCodes = {
  invalidRequest: 400,
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  wrongTarget: 409,
  tooLarge: 413,
  internal: 500,
  controlPlaneUnavailable: 503,
} as const;
export type ProblemCode = keyof typeof problemCodes;

export const problemSchema = z.object({
  title: z.string().max(1_000),
  status: z.int(),
  code: z.string().max(64),
  detail: z.string().max(2_000).optional(),
});
export type Problem = Readonly<z.output<typeof problemSchema>>;
