import type { MiddlewareObj } from '@middy/core';
import { z } from 'zod';
import type { HttpEvent } from '#functions/middleware/http.ts';
import { SallyportError } from '#lib/errors.ts';
import { principalFromClaims, refuseOtherTypes, type VerifiedClaims } from '#lib/identity/claims.ts';
import { maxCredentialLength } from '#lib/identity/credential.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { parseStrictJson } from '#lib/identity/strict-json.ts';

/** An event of somebody whose token the HTTP API's authoriser has verified. */
export type WithPrincipal = HttpEvent & { principal: Principal };

const namedClaims = z.object({ iss: z.string(), sub: z.string(), exp: z.coerce.number() });
const contextSchema = z.object({ authorizer: z.object({ jwt: z.object({ claims: namedClaims }) }) });
const objectSchema = z.record(z.string(), z.unknown());

/**
 * Who asks. The authoriser has checked signature, issuer, audience and times, and names the claims; but it names
 * them flattened to text, where a list is `[a b]` and an object `map[sub:x]`, so that the one group `a b` cannot
 * be told from two. So the claims are read from the token itself, once it is found to be the very one that the
 * authoriser speaks of.
 */
export function jwtPrincipal(): MiddlewareObj<WithPrincipal> {
  return {
    before: request => {
      request.event.principal = principalFromClaims(verifiedClaims(request.event));
    },
  };
}

function verifiedClaims(event: HttpEvent): VerifiedClaims {
  const context = contextSchema.safeParse(event.requestContext);
  if (!context.success) throw unauthenticated();
  const { iss, sub, exp } = context.data.authorizer.jwt.claims;
  const [header, claims] = readToken(event.headers?.['authorization'] ?? '');
  const same = claims['iss'] === iss && claims['sub'] === sub && claims['exp'] === exp;
  if (!same) throw unauthenticated();
  refuseOtherTypes(header['typ']);
  return claims;
}

function readToken(authorization: string): [header: VerifiedClaims, claims: VerifiedClaims] {
  const token = authorization.replace(/^bearer +/i, '');
  const parts = token.split('.');
  if (token.length > maxCredentialLength || parts.length !== 3) throw unauthenticated();
  return [readPart(parts[0]), readPart(parts[1])];
}

function readPart(part = ''): VerifiedClaims {
  try {
    return objectSchema.parse(parseStrictJson(Buffer.from(part, 'base64url').toString('utf8')));
  } catch {
    throw unauthenticated();
  }
}

function unauthenticated(): SallyportError {
  return new SallyportError('unauthenticated', 'Send an access token as "Authorization: Bearer TOKEN".');
}
