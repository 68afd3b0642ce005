import { z } from 'zod';
import { issuerSchema, nameSchema, principalSchema, subjectSchema } from '#lib/identity/principal-schema.ts';
import { targetName } from '#lib/policy/config/targets.ts';

/** What lets somebody in, or keeps somebody out, beside policy: tickets, grants and locks. */

/**
 * A reason that a person wrote: one line. Others read it in their terminals, so it holds nothing that moves a
 * cursor, begins a line that looks like another program's, or turns the direction of text.
 */
export const reasonSchema = z
  .string()
  .trim()
  .min(1, 'Give a reason.')
  .max(1_000, 'Use 1,000 characters at most.')
  .regex(
    /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]*$/u,
    'Write one line without control characters or marks of direction.',
  );

/** Whom something belongs to, without what may change. */
export const identityKeySchema = z.object({ issuer: issuerSchema, subject: subjectSchema });
export type IdentityKey = Readonly<z.output<typeof identityKeySchema>>;

/** Somebody as others read it. */
export const personSchema = identityKeySchema.extend({ name: nameSchema });
export type Person = Readonly<z.output<typeof personSchema>>;

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const time = z.int().nonnegative();

/** A ticket as it is stored: by its hash, never itself. */
export const ticketSchema = z.object({
  principal: principalSchema,
  target: targetName,
  createdAt: time,
  /** Milliseconds since the epoch; from then on it is no good. */
  notAfter: time,
});
export type StoredTicket = Readonly<z.output<typeof ticketSchema>>;

/** Leave of one principal to use one target for a time. */
export const grantSchema = z.object({
  id,
  principal: identityKeySchema,
  target: targetName,
  reason: reasonSchema,
  /** Who allowed it. */
  approvedBy: z.array(personSchema).max(16),
  createdAt: time,
  /** Milliseconds since the epoch; the gateway ends what rests on it by then. */
  notAfter: time,
});
export type AccessGrant = Readonly<z.output<typeof grantSchema>>;

/** What a lock stops. */
export const lockSubjectSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('principal'), issuer: issuerSchema, subject: subjectSchema }),
  z.object({ kind: z.literal('target'), target: targetName }),
  z.object({ kind: z.literal('grant'), grantId: id }),
]);
export type LockSubject = Readonly<z.output<typeof lockSubjectSchema>>;

/** Ends live sessions of what it names, and lets no new one begin. */
export const lockSchema = z.object({
  locks: lockSubjectSchema,
  reason: reasonSchema,
  by: personSchema,
  createdAt: time,
  /** Milliseconds since the epoch; absent: until somebody lifts it. */
  notAfter: time.exactOptional(),
});
export type Lock = Readonly<z.output<typeof lockSchema>>;
