import { z } from 'zod';
import { SallyportError } from '#lib/errors.ts';
import type { Principal } from './principal.ts';
import { groupsSchema, identityBounds, issuerSchema, nameSchema, subjectSchema } from './principal-schema.ts';

/** The claims of a token whose signature, issuer, audience and times have been checked. */
export type VerifiedClaims = Readonly<Record<string, unknown>>;

/** Which claims say what. Defaults in brackets. */
export interface ClaimNames {
  /** An e-mail address for people to read [`email`]. Used unless `email_verified` is false. */
  readonly name?: string;
  /** Names of groups [`groups`]. */
  readonly groups?: string;
  /** `human`, `service` or `agent` [`sallyport_kind`]. */
  readonly kind?: string;
}

const kindSchema = z.enum(['human', 'service', 'agent']);
const actorSchema = z.looseObject({
  sub: subjectSchema,
  iss: issuerSchema.optional(),
  act: z.unknown().optional(),
});

/**
 * Makes a principal of verified claims.
 *
 * - `act` (RFC 8693 section 4.1): the outermost actor acts, as an agent, on behalf of `sub`. Actors further in
 *   are history and give no rights. Groups stay those that the token states; policy tells an agent by its kind.
 * - No `act`: the kind that the issuer states, else `service` when the client is its own subject (client
 *   credentials, RFC 9068 section 2.2), else `human`.
 *
 * A claim of the wrong shape is refused, never passed over: a group that got lost could be one that is forbidden.
 *
 * @throws {SallyportError} `unauthenticated`, naming the claim and not its value.
 */
export function principalFromClaims(claims: VerifiedClaims, names: ClaimNames = {}): Principal {
  const issuer = read(issuerSchema, claims['iss'], 'iss');
  const subject = read(subjectSchema, claims['sub'], 'sub');
  const expiresAt = Math.floor(read(z.number().nonnegative(), claims['exp'], 'exp'));
  refuseOtherTokens(claims);

  const name = readName(claims, names.name ?? 'email') ?? subject;
  const groups = readGroups(claims, names.groups ?? 'groups');
  const actor = readActor(claims['act'], issuer);
  if (actor !== undefined) {
    const onBehalfOf = { subject, name };
    return { issuer, subject: actor, name: actor, kind: 'agent', groups, onBehalfOf, expiresAt };
  }
  return { issuer, subject, name, kind: readKind(claims, names.kind ?? 'sallyport_kind'), groups, expiresAt };
}

/** RFC 9068 section 2.1, and what issuers wrote before it. Any other type is meant for somebody else. */
const accessTokenTypes = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt']);

/**
 * Refuses a token by the `typ` of its header: a logout token, say, that the same issuer signed.
 *
 * @throws {SallyportError} `unauthenticated`
 */
export function refuseOtherTypes(type: unknown): void {
  if (type === undefined) return;
  if (typeof type === 'string' && accessTokenTypes.has(type.toLowerCase())) return;
  throw new SallyportError('unauthenticated', 'This is not an access token: give the access token instead.');
}

/** Tokens that may carry our audience and yet do not say "let the bearer in". */
function refuseOtherTokens(claims: VerifiedClaims): void {
  const isIdToken = claims['at_hash'] !== undefined || claims['c_hash'] !== undefined;
  if (isIdToken || claims['token_use'] === 'id' || claims['events'] !== undefined) {
    throw new SallyportError(
      'unauthenticated',
      'This is not an access token: give the access token instead.',
    );
  }
  // RFC 7800: whoever shows it must prove a key as well, which a password cannot do.
  if (claims['cnf'] !== undefined) {
    throw new SallyportError(
      'unauthenticated',
      'The access token is bound to a key of its client: ask for one without that binding.',
    );
  }
}

function readName(claims: VerifiedClaims, claim: string): string | undefined {
  const unverified = claims['email_verified'] === false || claims['email_verified'] === 'false';
  if (claims[claim] === undefined || (claim === 'email' && unverified)) return undefined;
  return read(nameSchema, claims[claim], claim);
}

function readGroups(claims: VerifiedClaims, claim: string): readonly string[] {
  const elsewhere = claims['_claim_names'];
  if (typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, claim)) {
    // OpenID Connect Core section 5.6.2; what Entra ID does for members of very many groups.
    throw new SallyportError(
      'unauthenticated',
      'The access token leaves out the groups: have fewer assigned.',
    );
  }
  const value = claims[claim];
  if (value === undefined) return [];
  // Some providers write a single group without the list around it.
  const groups = read(groupsSchema, typeof value === 'string' ? [value] : value, claim);
  return [...new Set(groups)].sort();
}

function readKind(claims: VerifiedClaims, claim: string): Principal['kind'] {
  if (claims[claim] !== undefined) return read(kindSchema, claims[claim], claim);
  const client = claims['client_id'] ?? claims['azp'];
  return client !== undefined && client === claims['sub'] ? 'service' : 'human';
}

/** The subject of the current actor; undefined without `act`. */
function readActor(act: unknown, issuer: string): string | undefined {
  if (act === undefined) return undefined;
  const current = read(actorSchema, act, 'act');
  let actor = current;
  for (let depth = 1; actor.act !== undefined; depth++) {
    if (depth === identityBounds.actorDepth) throw malformed('act');
    actor = read(actorSchema, actor.act, 'act');
  }
  // A subject means something only beside its issuer, and a principal has one issuer.
  if (current.iss !== undefined && current.iss !== issuer) throw malformed('act');
  return current.sub;
}

function read<T>(schema: z.ZodType<T>, value: unknown, claim: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw malformed(claim);
  return result.data;
}

function malformed(claim: string): SallyportError {
  return new SallyportError(
    'unauthenticated',
    `The access token's claim "${claim}" is missing or not of the form Sallyport reads: have the identity provider's settings checked.`,
  );
}
