import { errors, type JSONWebKeySet, type JWTVerifyResult, jwtVerify } from 'jose';
import { SallyportError } from '#lib/errors.ts';
import { type ClaimNames, principalFromClaims, refuseOtherTypes } from './claims.ts';
import { maxCredentialLength } from './credential.ts';
import { fixedKeys, IssuerKeys, type KeySource } from './key-set.ts';
import type { Principal } from './principal.ts';
import { parseStrictJson } from './strict-json.ts';

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are (`https:`, `http:` on loopback, `file:`). Absent: by discovery. */
  readonly jwksUri?: string | undefined;
  /** The issuer's keys themselves, for a task that can reach nothing. Excludes `jwksUri`. */
  readonly jwks?: JSONWebKeySet | undefined;
  /** How far clocks may differ, in seconds, 0 to 60 [60]. */
  readonly clockToleranceS?: number;
  readonly claimNames?: ClaimNames;
  /** Milliseconds since the epoch [`Date.now`]. */
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
}

/** Signatures that only the issuer can make. With a MAC, whoever can check a token could make one. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Checks access tokens (JWT) of one issuer, for one audience. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #keys: KeySource;
  readonly #now: () => number;
  readonly #clockToleranceS: number;

  /** @throws {TypeError} naming the option that cannot be. */
  constructor(options: TokenVerifierOptions) {
    const { issuer, audience, jwks, jwksUri, clockToleranceS = 60 } = options;
    if (issuer === '') throw new TypeError('issuer must not be empty');
    if (audience === '') throw new TypeError('audience must not be empty');
    if (!(clockToleranceS >= 0 && clockToleranceS <= 60)) {
      throw new TypeError('clockToleranceS must be 0 to 60');
    }
    if (jwks !== undefined && jwksUri !== undefined) throw new TypeError('jwks excludes jwksUri');
    this.#options = options;
    this.#clockToleranceS = clockToleranceS;
    this.#now = options.now ?? Date.now;
    this.#keys = jwks
      ? fixedKeys(jwks)
      : new IssuerKeys({ issuer, jwksUri, now: this.#now, fetch: options.fetch ?? fetch });
  }

  /**
   * Who the bearer of `token` is.
   *
   * Until the signature is found good, every failure reads the same: a forger learns nothing from it. From
   * then on the sentence says what to do.
   *
   * @throws {SallyportError} `unauthenticated`; `controlPlaneUnavailable` when the issuer's keys cannot be had.
   *   Neither the token nor a claim's value is in it.
   */
  async verify(token: string): Promise<Principal> {
    if (token.length > maxCredentialLength) throw notAccepted('ERR_TOKEN_TOO_LONG');
    const { protectedHeader } = await this.#checked(token);
    refuseOtherTypes(protectedHeader.typ);
    return principalFromClaims(readPayload(token), this.#options.claimNames);
  }

  async #checked(token: string): Promise<JWTVerifyResult> {
    try {
      return await jwtVerify(token, header => this.#keys.resolve(header), {
        algorithms,
        issuer: this.#options.issuer,
        audience: this.#options.audience,
        clockTolerance: this.#clockToleranceS,
        currentDate: new Date(this.#now()),
        requiredClaims: ['exp', 'sub'],
      });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): SallyportError {
    if (error instanceof SallyportError) return error;
    if (error instanceof errors.JWTExpired) {
      return refused('The access token has expired: get a new one and sign in again.', error.code);
    }
    if (error instanceof errors.JWTClaimValidationFailed) {
      const claim = error.claim;
      if (claim === 'aud') {
        const audience = JSON.stringify(this.#options.audience);
        return refused(
          `The access token is meant for somebody else: ask for one with the audience ${audience}.`,
          error.code,
        );
      }
      if (claim === 'nbf') {
        return refused('The access token is not valid yet: wait, or have the clocks checked.', error.code);
      }
      return refused(
        `The access token's claim "${claim}" is not what this gateway expects: get a token from its identity provider.`,
        error.code,
      );
    }
    return notAccepted(error instanceof errors.JOSEError ? error.code : 'ERR_UNREADABLE');
  }
}

/** The payload as it was signed, read without leniency. */
function readPayload(token: string): Record<string, unknown> {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
    // jwtVerify has found it to be one JSON object.
    return parseStrictJson(payload) as Record<string, unknown>;
  } catch {
    throw refused(
      'The access token names a claim twice: have the identity provider checked.',
      'ERR_DUPLICATE',
    );
  }
}

function notAccepted(reason: string): SallyportError {
  return refused(
    'The access token is not accepted: get a new one from the identity provider and sign in again.',
    reason,
  );
}

/** `reason` is for our log. jose's own errors hold the claims, so they go no further. */
function refused(message: string, reason: string): SallyportError {
  return new SallyportError('unauthenticated', message, { cause: new Error(reason) });
}
