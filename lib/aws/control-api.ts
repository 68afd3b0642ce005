import { z } from 'zod';
import {
  grantSchema,
  identityKeySchema,
  lockSchema,
  personSchema,
  reasonSchema,
} from '#lib/aws/access-records.ts';
import { liveSessionSchema } from '#lib/aws/live-sessions.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';
import { targetName } from '#lib/policy/config/targets.ts';
import { fingerprintSchema, maxPublicKeyBytes } from '#lib/ssh/fingerprint.ts';

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
  /** Of the target: which client takes it. */
  protocol: z.string(),
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

const milliseconds = z.int().nonnegative();

/** Where somebody speaks from: an IP address. */
export const sourceAddressSchema = z.string().regex(/^[0-9A-Fa-f:.]{2,45}(%[\w.-]{1,16})?$/);

/** A sign-in's id: 32 random bytes. */
export const loginIdSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Text that is shown in terminals as it is. */
const shown = (length: number) =>
  z
    .string()
    .min(1)
    .max(length)
    .regex(/^[\x21-\x7e]+$/);

/**
 * POST /v1/logins: begins a sign-in in a browser for a client that cannot carry a token.
 *
 * `purpose`: `session`, to know who it is this once; `key`, to bind a public key afterwards as well, for which the
 * identity provider is asked for a refresh token.
 */
export const loginRequestSchema = z.strictObject({
  purpose: z.enum(['session', 'key']).default('key'),
  from: sourceAddressSchema,
});
export type LoginPurpose = z.output<typeof loginRequestSchema>['purpose'];

export const loginAnswerSchema = z.object({
  id: loginIdSchema,
  /** For the person to compare with what the page shows. */
  userCode: shown(64),
  verificationUri: shown(2_048),
  /** The same with the code in it; the same without, where the provider has no such thing. */
  verificationUriComplete: shown(2_048),
  /** Milliseconds since the epoch. */
  expiresAt: milliseconds,
  /** Ask no more often than this. */
  intervalMs: milliseconds,
});
export type LoginAnswer = Readonly<z.output<typeof loginAnswerSchema>>;

/** POST /v1/logins/{id}. All but `pending` are said once. */
export const loginStateSchema = z.discriminatedUnion('state', [
  /** The interval can have grown: the provider may ask for more patience. */
  z.object({ state: z.literal('pending'), intervalMs: milliseconds }),
  z.object({ state: z.literal('denied') }),
  z.object({ state: z.literal('expired') }),
  z.object({ state: z.literal('done'), principal: principalSchema }),
]);
export type LoginState = Readonly<z.output<typeof loginStateSchema>>;

/** What a key is called: one line that others read in their terminals. */
export const keyCommentSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);

/** POST /v1/keys: binds the key of a login that is done. Its possession must have been proved to the caller. */
export const bindRequestSchema = z.strictObject({
  loginId: loginIdSchema,
  /** The key blob in base64, as it stands in a .pub file. */
  publicKey: z.base64().max(Math.ceil(maxPublicKeyBytes / 3) * 4),
  comment: keyCommentSchema.exactOptional(),
});
export const bindAnswerSchema = z.object({ fingerprint: fingerprintSchema, endsAt: milliseconds });
export type BindAnswer = Readonly<z.output<typeof bindAnswerSchema>>;

/** POST /v1/keys/lookup. `from` is remembered as the place of last use. */
export const keyLookupRequestSchema = z.strictObject({
  fingerprint: fingerprintSchema,
  from: sourceAddressSchema.exactOptional(),
});
export const keyLookupAnswerSchema = z.object({ principal: principalSchema });

/** GET /v1/keys: one's own, or everybody's where policy permits it. */
export const keySummarySchema = z.object({
  fingerprint: fingerprintSchema,
  /** `ssh-ed25519` */
  keyType: z.string().max(64),
  comment: keyCommentSchema.exactOptional(),
  principal: personSchema,
  boundAt: milliseconds,
  boundFrom: sourceAddressSchema,
  lastUsedAt: milliseconds.exactOptional(),
  lastUsedFrom: sourceAddressSchema.exactOptional(),
  /** At the latest; earlier when the session at the identity provider ends. */
  endsAt: milliseconds,
});
export const keysAnswerSchema = z.object({
  keys: z.array(keySummarySchema).readonly(),
  /** There are more than are listed. */
  truncated: z.boolean(),
});
export type KeySummary = Readonly<z.output<typeof keySummarySchema>>;
export type KeysAnswer = Readonly<z.output<typeof keysAnswerSchema>>;

/** DELETE /v1/keys/{fingerprint}, the fingerprint in base64url: `fingerprintInPath`. */
export const keyRevokedSchema = z.object({ fingerprint: fingerprintSchema, principal: personSchema });
export type KeyRevoked = Readonly<z.output<typeof keyRevokedSchema>>;

/** Every `code` of a problem (RFC 9457) that the API answers with. */
export const problemCodes = {
  invalidRequest: 400,
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  wrongTarget: 409,
  keyInUse: 409,
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
