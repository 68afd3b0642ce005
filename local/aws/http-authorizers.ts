/** The authorisers of the HTTP API: they check for real, and tell the function what they found. */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Authorizer } from './http-event.ts';
import { type RoleTable, roleArn } from './roles.ts';
import { checkSignature, readSignature, type SignedRequest, SigV4Error } from './sigv4.ts';

export interface JwtAuthorizerOptions {
  /** Equal to the token's `iss`, character by character. */
  readonly issuer: string;
  /** One of them must be in the token's `aud` or, if it has none, be its `client_id`. */
  readonly audience: readonly string[];
  /** Where the keys are; without it the issuer's discovery document says so. */
  readonly jwksUri?: string;
}

/** Why nobody gets in; `description` is for `WWW-Authenticate`. */
export class NotAuthorized extends Error {
  override readonly name = 'NotAuthorized';
  readonly status: 401 | 403;

  constructor(status: 401 | 403, description: string) {
    super(description);
    this.status = status;
  }
}

/** API Gateway supports only these: a provider that signs with elliptic curves works nowhere else either. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const discoveryTimeoutMs = 5000;

/** As measured on AWS: lists are `[a b]`, numbers and booleans become text, objects JSON; null is left out. */
export function flattenClaims(claims: JWTPayload): Record<string, string> {
  const text = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(text).join(' ')}]`;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  };
  const present = Object.entries(claims).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(present.map(([name, value]) => [name, text(value)]));
}

async function discover(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(discoveryTimeoutMs),
  });
  return z.object({ jwks_uri: z.url() }).parse(await response.json()).jwks_uri;
}

export type JwtAuthorizer = (authorization: string | undefined) => Promise<Authorizer>;

/** @param clock milliseconds since the epoch. The authoriser throws {@link NotAuthorized}. */
export function jwtAuthorizer(options: JwtAuthorizerOptions, clock: () => number): JwtAuthorizer {
  const { issuer, audience } = options;
  let keys: JWTVerifyGetKey | undefined;
  const findKeys = async () => {
    keys ??= createRemoteJWKSet(new URL(options.jwksUri ?? (await discover(issuer))));
    return keys;
  };
  return async authorization => {
    const token = authorization?.replace(/^bearer\s+/i, '');
    if (token === undefined || token === '') throw new NotAuthorized(401, 'no token');
    try {
      const { payload } = await jwtVerify(token, await findKeys(), {
        issuer,
        algorithms,
        currentDate: new Date(clock()),
        requiredClaims: ['exp'],
      });
      const named = [payload.aud ?? payload['client_id']].flat();
      if (!named.some(name => typeof name === 'string' && audience.includes(name))) {
        throw new NotAuthorized(401, 'the token is for another audience');
      }
      // Scopes are told only for routes that ask for scopes, and none does.
      return { jwt: { claims: flattenClaims(payload), scopes: null } };
    } catch (error) {
      if (error instanceof NotAuthorized) throw error;
      throw new NotAuthorized(
        401,
        error instanceof errors.JOSEError ? error.message : 'the keys of the issuer cannot be had',
      );
    }
  };
}

export interface IamAuthorizerOptions {
  readonly roles: RoleTable;
  readonly region: string;
  readonly accountId: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** @throws {NotAuthorized} when the signature does not hold or its role may not call the route. */
export function authorizeIam(
  request: SignedRequest,
  body: Buffer,
  options: IamAuthorizerOptions,
): Authorizer {
  const { roles, region, accountId, clock } = options;
  try {
    const signature = readSignature(request);
    if (signature.service !== 'execute-api' || signature.region !== region) {
      throw new NotAuthorized(403, 'the signature is for another service or region');
    }
    const role = roles.byAccessKey(signature.accessKeyId);
    checkSignature(request, body, signature, role, clock());
    const permission = { action: 'execute-api:Invoke', resource: `${request.method}${request.path}` };
    if (role === undefined || roles.firstDenied(role, [permission]) !== undefined) {
      throw new NotAuthorized(403, 'the role may not call this route');
    }
    const callerId = `AROA${role.name.toUpperCase()}:${role.name}`;
    return {
      iam: {
        accessKey: role.accessKeyId,
        accountId,
        callerId,
        cognitoIdentity: null,
        principalOrgId: null,
        userArn: roleArn(role, accountId),
        userId: callerId,
      },
    };
  } catch (error) {
    if (error instanceof SigV4Error) throw new NotAuthorized(403, error.message);
    throw error;
  }
}
