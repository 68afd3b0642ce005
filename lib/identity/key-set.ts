import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';
import { z } from 'zod';
import { readBounded } from '#lib/bounded-body.ts';
import { SallyportError } from '#lib/errors.ts';
import { secureUrl } from '#lib/secure-url.ts';

/** Answers the public key that a token's header names. */
export interface KeySource {
  /**
   * @throws {errors.JOSEError} when the issuer has no such key.
   * @throws {SallyportError} `controlPlaneUnavailable` when the issuer's keys cannot be had.
   */
  resolve(header: JWSHeaderParameters): Promise<CryptoKey>;
}

/** Keys that are given once and never change. */
export function fixedKeys(jwks: JSONWebKeySet): KeySource {
  const find = createLocalJWKSet(jwks);
  return { resolve: async header => find(header) };
}

export interface IssuerKeysOptions {
  readonly issuer: string;
  /** Where the key set is: `https:`, `http:` on loopback, or `file:`. Absent: OpenID Connect discovery. */
  readonly jwksUri?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch: typeof fetch;
}

/** Past this age keys are fetched again before they are used, so that a withdrawn key is noticed. */
const freshMs = 10 * 60_000;
/** Past this age keys that could not be renewed are no longer believed. */
const maxStaleMs = 24 * 60 * 60_000;
/** An unknown key id, or a failed renewal, leads to at most one fetch in this time. */
const cooldownMs = 30_000;
/** With no keys at all, somebody waits: try again sooner. */
const firstRetryMs = 2_000;
const fetchTimeoutMs = 3_000;
const maxDocumentBytes = 256 * 1024;

const keySetSchema = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });
const discoverySchema = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });

/**
 * The key set of an issuer, cached. A rotated key is picked up when a token first names it; an issuer that is
 * away does no harm for as long as the cached keys may be believed (24 hours).
 */
export class IssuerKeys implements KeySource {
  readonly #options: IssuerKeysOptions;
  #cached: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly at: number } | undefined;
  #lastAttempt = { at: Number.NEGATIVE_INFINITY, failed: false };
  #pending: Promise<void> | undefined;

  /** @throws {TypeError} when `jwksUri` or `issuer` is not a URL that keys may be read from. */
  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    // Keys that travel in the clear can be replaced on the way.
    if (options.jwksUri === undefined) secureUrl(options.issuer, 'issuer');
    else secureUrl(options.jwksUri, 'jwksUri', ['https:', 'file:']);
  }

  async resolve(header: JWSHeaderParameters): Promise<CryptoKey> {
    const find = await this.#usable();
    try {
      return await find(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#sinceAttempt() >= cooldownMs) await this.#refresh();
      if (this.#lastAttempt.failed) throw unavailable();
      const renewed = this.#cached?.find ?? find;
      if (renewed === find) throw error;
      return renewed(header);
    }
  }

  async #usable(): Promise<ReturnType<typeof createLocalJWKSet>> {
    const age = this.#cached ? this.#options.now() - this.#cached.at : Number.POSITIVE_INFINITY;
    if (age >= freshMs) {
      const pauseMs = this.#cached ? cooldownMs : firstRetryMs;
      if (!this.#lastAttempt.failed || this.#sinceAttempt() >= pauseMs) await this.#refresh();
    }
    if (!this.#cached || this.#options.now() - this.#cached.at >= maxStaleMs) throw unavailable();
    return this.#cached.find;
  }

  #sinceAttempt(): number {
    return this.#options.now() - this.#lastAttempt.at;
  }

  /** One fetch at a time, whoever asks. Never throws: what failed is noted. */
  #refresh(): Promise<void> {
    this.#pending ??= this.#load().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #load(): Promise<void> {
    const at = this.#options.now();
    try {
      const jwks = keySetSchema.parse(await this.#document(await this.#location()));
      this.#cached = { find: createLocalJWKSet(jwks as JSONWebKeySet), at };
      this.#lastAttempt = { at, failed: false };
    } catch {
      this.#lastAttempt = { at, failed: true };
    }
  }

  async #location(): Promise<string> {
    const { issuer, jwksUri } = this.#options;
    if (jwksUri !== undefined) return jwksUri;
    const found = discoverySchema.parse(
      await this.#document(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
    );
    // OpenID Connect Discovery 1.0 section 4.3: else another issuer could answer for this one.
    if (found.issuer !== issuer) throw new Error('The discovery document is of another issuer.');
    secureUrl(found.jwks_uri, 'jwks_uri');
    return found.jwks_uri;
  }

  async #document(url: string): Promise<unknown> {
    if (url.startsWith('file:')) return JSON.parse(await readFile(fileURLToPath(url), 'utf8'));
    const response = await this.#options.fetch(url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(fetchTimeoutMs),
    });
    const body = await readBounded(response, maxDocumentBytes);
    if (!response.ok) throw new Error(`The issuer answered ${response.status}.`);
    return JSON.parse(body.toString('utf8'));
  }
}

function unavailable(): SallyportError {
  return new SallyportError('controlPlaneUnavailable', 'The keys of the identity provider cannot be read.', {
    hint: 'Try again in a minute; if it stays so, tell whoever runs Sallyport.',
  });
}
