import { z } from 'zod';
import { readBounded } from '#lib/bounded-body.ts';
import { SallyportError } from '#lib/errors.ts';
import { secureUrl } from '#lib/secure-url.ts';

export interface AuthorizationServerOptions {
  readonly issuer: string;
  /** The client that Sallyport is at the provider. */
  readonly clientId: string;
  /** Absent: a public client (RFC 6749 section 2.1). */
  readonly clientSecret?: (() => Promise<{ reveal(): string }>) | undefined;
  /** Milliseconds since the epoch [`Date.now`]. */
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
  /** For each request [3 s]. */
  readonly timeoutMs?: number;
}

/** RFC 8628 section 3.2 */
export interface DeviceAuthorization {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  /** The same with the code in it; the same without, where the provider has no such thing. */
  readonly verificationUriComplete: string;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

/** What the token endpoint says: tokens, or an error of RFC 6749 section 5.2 or RFC 8628 section 3.5. */
export type TokenAnswer =
  | { readonly kind: 'tokens'; readonly accessToken: string; readonly refreshToken: string | undefined }
  | { readonly kind: 'error'; readonly error: string };

const maxAnswerBytes = 256 * 1024;
/** Past this age the provider's addresses are read again. */
const discoveryFreshMs = 60 * 60_000;
/** A code that is good for longer is good for longer than anybody looks at it. */
const maxLifetimeS = 1_800;
const maxIntervalS = 60;

const discoverySchema = z.looseObject({
  issuer: z.string(),
  token_endpoint: z.string(),
  device_authorization_endpoint: z.string().optional(),
});
type Discovery = z.output<typeof discoverySchema>;

/** What people see is plain text without blanks: a code to compare, an address to open. */
const shown = (length: number) =>
  z
    .string()
    .min(1)
    .max(length)
    .regex(/^[\x21-\x7e]+$/);
const deviceSchema = z.object({
  device_code: z.string().min(1).max(8_192),
  user_code: shown(64),
  verification_uri: shown(2_048),
  verification_uri_complete: shown(2_048).optional(),
  expires_in: z.number().positive(),
  interval: z.number().positive().default(5),
});
const token = z.string().min(1).max(16_384);
const tokensSchema = z.object({ access_token: token, refresh_token: token.optional() });
const errorSchema = z.object({ error: z.string().max(64) });

/**
 * The identity provider as Sallyport's own client sees it: device authorization grant (RFC 8628) and refresh
 * tokens (RFC 6749 section 6), addresses by discovery. Whatever goes wrong on the way is
 * `controlPlaneUnavailable`. No token is looked into here.
 */
export class AuthorizationServer {
  readonly #options: AuthorizationServerOptions;
  readonly #now: () => number;
  readonly #fetch: typeof fetch;
  #discovery: { readonly at: number; readonly found: Discovery } | undefined;

  /** @throws {TypeError} naming the option that cannot be. */
  constructor(options: AuthorizationServerOptions) {
    secureUrl(options.issuer, 'issuer');
    if (options.clientId === '') throw new TypeError('clientId must not be empty');
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#fetch = options.fetch ?? fetch;
  }

  /** Begins a sign-in: a code for us and one for the person. */
  async authorizeDevice(scope: string): Promise<DeviceAuthorization> {
    const { device_authorization_endpoint: endpoint } = await this.#discover();
    if (endpoint === undefined) throw unavailable(new Error('The provider has no device authorization.'));
    const { status, body } = await this.#post(endpoint, { scope });
    const answer = deviceSchema.safeParse(body);
    if (status !== 200 || !answer.success) throw unavailable(new Error(`Device authorization: ${status}.`));
    const device = answer.data;
    return {
      deviceCode: device.device_code,
      userCode: device.user_code,
      verificationUri: browserUrl(device.verification_uri),
      verificationUriComplete: browserUrl(device.verification_uri_complete ?? device.verification_uri),
      expiresInMs: Math.min(device.expires_in, maxLifetimeS) * 1000,
      intervalMs: Math.min(Math.max(device.interval, 1), maxIntervalS) * 1000,
    };
  }

  /** Asks whether the person has signed in: RFC 8628 section 3.4. */
  redeemDeviceCode(deviceCode: string): Promise<TokenAnswer> {
    const grantType = 'urn:ietf:params:oauth:grant-type:device_code';
    return this.#token({ grant_type: grantType, device_code: deviceCode });
  }

  refresh(refreshToken: string): Promise<TokenAnswer> {
    return this.#token({ grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  async #token(form: Readonly<Record<string, string>>): Promise<TokenAnswer> {
    const { status, body } = await this.#post((await this.#discover()).token_endpoint, form);
    if (status === 200) {
      const tokens = tokensSchema.safeParse(body);
      if (!tokens.success) throw unavailable(new Error('The answer holds no tokens.'));
      const { access_token: accessToken, refresh_token: refreshToken } = tokens.data;
      return { kind: 'tokens', accessToken, refreshToken };
    }
    const refusal = errorSchema.safeParse(body);
    if (status >= 400 && status < 500 && status !== 429 && refusal.success) {
      return { kind: 'error', error: refusal.data.error };
    }
    throw unavailable(new Error(`Token endpoint: ${status}.`));
  }

  async #post(
    url: string,
    form: Readonly<Record<string, string>>,
  ): Promise<{ status: number; body: unknown }> {
    const { clientId, clientSecret } = this.#options;
    const secret = await clientSecret?.();
    const body = new URLSearchParams(secret === undefined ? { ...form, client_id: clientId } : form);
    return this.#request(url, {
      method: 'POST',
      body,
      headers: {
        accept: 'application/json',
        ...(secret !== undefined && { authorization: basic(clientId, secret.reveal()) }),
      },
    });
  }

  async #discover(): Promise<Discovery> {
    if (this.#discovery && this.#now() - this.#discovery.at < discoveryFreshMs) return this.#discovery.found;
    const { issuer } = this.#options;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await this.#request(url, { headers: { accept: 'application/json' } });
    const found = discoverySchema.safeParse(answer.body);
    // OpenID Connect Discovery 1.0 section 4.3: else another issuer could answer for this one.
    if (answer.status !== 200 || !found.success || found.data.issuer !== issuer) {
      throw unavailable(new Error(`Discovery: ${answer.status}.`));
    }
    for (const name of ['token_endpoint', 'device_authorization_endpoint'] as const) {
      if (found.data[name] !== undefined) endpointUrl(found.data[name], name);
    }
    this.#discovery = { at: this.#now(), found: found.data };
    return found.data;
  }

  /** No redirect is followed: it would carry codes and tokens to somebody else. */
  async #request(url: string, init: RequestInit): Promise<{ status: number; body: unknown }> {
    try {
      const signal = AbortSignal.timeout(this.#options.timeoutMs ?? 3_000);
      const response = await this.#fetch(url, { ...init, redirect: 'error', signal });
      const text = (await readBounded(response, maxAnswerBytes)).toString('utf8');
      return { status: response.status, body: parseJson(text) };
    } catch (cause) {
      throw unavailable(cause);
    }
  }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded first. */
function basic(clientId: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams({ _: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`;
}

function endpointUrl(text: string, name: string): string {
  try {
    return secureUrl(text, name).href;
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** An address for a person to open. */
function browserUrl(text: string): string {
  endpointUrl(text, 'verification_uri');
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unavailable(cause: unknown): SallyportError {
  return new SallyportError(
    'controlPlaneUnavailable',
    'The identity provider does not answer as it should.',
    {
      hint: 'Try again in a minute; if it stays so, tell whoever runs Sallyport.',
      cause,
    },
  );
}
