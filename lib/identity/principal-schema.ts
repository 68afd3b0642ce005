import { z } from 'zod';
import type { Principal } from './principal.ts';

/** Bounds on what a credential may say, so that no token makes a record or a policy input unbounded. */
export const identityBounds = {
  issuerLength: 512,
  nameLength: 256,
  groupLength: 256,
  groups: 256,
  /** Actors within actors (RFC 8693 section 4.1). */
  actorDepth: 8,
} as const;

/** Text that identifies: no control characters, and none of the invisible ones that make two names look alike. */
const plainText = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u;

const bounded = (length: number) => z.string().min(1).max(length).regex(plainText);

/** No `#`, which parts issuer and subject in keys; RFC 8414 section 2 forbids fragments in an issuer anyway. */
export const issuerSchema = bounded(identityBounds.issuerLength).regex(/^[^#]+$/);
export const subjectSchema = bounded(identityBounds.nameLength);
export const nameSchema = bounded(identityBounds.nameLength);
export const groupsSchema = z
  .array(bounded(identityBounds.groupLength))
  .max(identityBounds.groups)
  .readonly();

/** A `Principal` as it travels between gateway, functions and tables. */
export const principalSchema: z.ZodType<Principal> = z
  .strictObject({
    issuer: issuerSchema,
    subject: subjectSchema,
    name: nameSchema,
    kind: z.enum(['human', 'service', 'agent']),
    groups: groupsSchema,
    onBehalfOf: z.strictObject({ subject: subjectSchema, name: nameSchema }).readonly().exactOptional(),
    expiresAt: z.number().int().nonnegative(),
  })
  .readonly();
