import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { AuthorizationServer, type AuthorizationServerOptions } from '#lib/identity/authorization-server.ts';

const issuer = 'https://id.example';
const discovery = {
  issuer,
  token_endpoint: `${issuer}/token`,
  device_authorization_endpoint: `${issuer}/device/auth`,
};
const device = {
  device_code: 'device-code',
  user_code: 'BCDF-GHJK',
  verification_uri: `${issuer}/device`,
  verification_uri_complete: `${issuer}/device?user_code=BCDF-GHJK`,
  expires_in: 600,
};
const tokens = { access_token: 'access', refresh_token: 'refresh', token_type: 'Bearer' };
const unavailable = { name: 'SallyportError', code: 'controlPlaneUnavailable' };

type Reply = (init: RequestInit) => Response | Promise<Response>;
const ok = (body: unknown) => () => Response.json(body);
const status = (code: number, body: unknown) => () => Response.json(body, { status: code });

/** A provider by path. */
function given(replies: Record<string, Reply>, options: Partial<AuthorizationServerOptions> = {}) {
  const calls: { path: string; form: Record<string, string>; init: RequestInit }[] = [];
  const clock = { now: 0 };
  const all: Record<string, Reply> = { '/.well-known/openid-configuration': ok(discovery), ...replies };
  const server = new AuthorizationServer({
    issuer,
    clientId: 'sallyport-sign-in',
    now: () => clock.now,
    fetch: (async (url: string, init: RequestInit) => {
      const path = url.slice(issuer.length);
      const form = Object.fromEntries(new URLSearchParams(init.body as URLSearchParams | undefined));
      calls.push({ path, form, init });
      return all[path]?.(init) ?? new Response('', { status: 404 });
    }) as typeof fetch,
    ...options,
  });
  return { server, calls, clock };
}

describe('a device authorization', () => {
  test('is asked for by the client’s name, and waits five seconds where nothing is said', async () => {
    const { server, calls } = given({ '/device/auth': ok(device) });

    await expect(server.authorizeDevice('openid')).resolves.toEqual({
      deviceCode: 'device-code',
      userCode: 'BCDF-GHJK',
      verificationUri: `${issuer}/device`,
      verificationUriComplete: `${issuer}/device?user_code=BCDF-GHJK`,
      expiresInMs: 600_000,
      intervalMs: 5_000,
    });
    expect(calls[1]?.form).toEqual({ scope: 'openid', client_id: 'sallyport-sign-in' });
    expect(calls[1]?.init.redirect).toBe('error');
  });

  test.each([
    [{ interval: 0.001 }, { intervalMs: 1_000 }],
    [{ interval: 1e9 }, { intervalMs: 60_000 }],
    [{ expires_in: 1e12 }, { expiresInMs: 1_800_000 }],
    [{ verification_uri_complete: undefined }, { verificationUriComplete: `${issuer}/device` }],
  ])('with %j is taken as %j', async (more, expected) => {
    const { server } = given({ '/device/auth': ok({ ...device, ...more }) });

    await expect(server.authorizeDevice('openid')).resolves.toMatchObject(expected);
  });

  test.each([
    ['a refusal', status(400, { error: 'unauthorized_client' })],
    ['an error page', () => new Response('<html>', { status: 502 })],
    ['no code', ok({ ...device, user_code: undefined })],
    ['a code that would drive a terminal', ok({ ...device, user_code: '\x1b[2J' })],
    ['an address that would drive a terminal', ok({ ...device, verification_uri: `${issuer}/\x07` })],
    ['an address with a blank', ok({ ...device, verification_uri_complete: `${issuer}/ x` })],
    ['an address that is none', ok({ ...device, verification_uri: 'device' })],
    ['a page in the clear', ok({ ...device, verification_uri: 'http://id.example/device' })],
    ['a script for a page', ok({ ...device, verification_uri_complete: 'javascript:alert(1)' })],
    ['no end', ok({ ...device, expires_in: -1 })],
    ['257 KB', ok({ ...device, more: 'x'.repeat(257 * 1024) })],
  ])('that is answered with %s fails', async (_, reply) => {
    await expect(given({ '/device/auth': reply }).server.authorizeDevice('openid')).rejects.toMatchObject(
      unavailable,
    );
  });
});

describe('the token endpoint', () => {
  test('is asked with the device code', async () => {
    const { server, calls } = given({ '/token': ok(tokens) });

    await expect(server.redeemDeviceCode('device-code')).resolves.toEqual({
      kind: 'tokens',
      accessToken: 'access',
      refreshToken: 'refresh',
    });
    expect(calls[1]?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'device-code',
      client_id: 'sallyport-sign-in',
    });
  });

  test('is asked with the refresh token, and by its secret where the client has one', async () => {
    const clientSecret = async () => ({ reveal: () => 'se:cret +é' });
    const { server, calls } = given({ '/token': ok({ access_token: 'access' }) }, { clientSecret });

    await expect(server.refresh('refresh')).resolves.toEqual({
      kind: 'tokens',
      accessToken: 'access',
      refreshToken: undefined,
    });
    expect(calls[1]?.form).toEqual({ grant_type: 'refresh_token', refresh_token: 'refresh' });
    const authorization = new Headers(calls[1]?.init.headers).get('authorization') ?? '';
    // RFC 6749 section 2.3.1
    expect(Buffer.from(authorization.slice(6), 'base64').toString()).toBe(
      'sallyport-sign-in:se%3Acret+%2B%C3%A9',
    );
  });

  test.each([
    [400, 'authorization_pending'],
    [400, 'invalid_grant'],
    [401, 'invalid_client'],
  ])('says with status %p that it is %s', async (code, error) => {
    const { server } = given({ '/token': status(code, { error }) });

    await expect(server.refresh('refresh')).resolves.toEqual({ kind: 'error', error });
  });

  test.each([
    ['an error of its own', status(500, { error: 'invalid_grant' })],
    ['too much to do', status(429, { error: 'slow_down' })],
    ['a page', () => new Response('<html>', { status: 400 })],
    ['no tokens', ok({})],
    ['an empty token', ok({ access_token: '' })],
    ['nothing', () => Promise.reject(new TypeError('fetch failed'))],
    [
      'silence',
      ({ signal }: RequestInit) =>
        new Promise<Response>((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        }),
    ],
  ])('is unavailable when it answers with %s, and the error holds no token', async (_, reply) => {
    const { server } = given({ '/token': reply }, { timeoutMs: 50 });

    const error: unknown = await server.refresh('refresh-token').catch((reason: unknown) => reason);

    expect(error).toMatchObject(unavailable);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('refresh-token');
  });
});

describe('discovery', () => {
  test('is done once an hour', async () => {
    const { server, calls, clock } = given({ '/token': ok(tokens) });
    const reads = () => calls.filter(({ path }) => path.startsWith('/.well-known')).length;

    await server.refresh('x');
    clock.now = 3_599_999;
    await server.refresh('x');
    expect(reads()).toBe(1);
    clock.now = 3_600_000;
    await server.refresh('x');
    expect(reads()).toBe(2);
  });

  test.each([
    ['another issuer', { ...discovery, issuer: 'https://evil.example' }],
    ['tokens in the clear', { ...discovery, token_endpoint: 'http://id.example/token' }],
    ['no token endpoint', { issuer }],
    ['no device authorization', { issuer, token_endpoint: discovery.token_endpoint }],
  ])('that finds %s is not relied on', async (_, document) => {
    const replies = { '/.well-known/openid-configuration': ok(document), '/device/auth': ok(device) };
    const { server, calls } = given(replies);

    await expect(server.authorizeDevice('openid')).rejects.toMatchObject(unavailable);
    expect(calls).toHaveLength(1);
  });
});

test('a client without a name, or an issuer in the clear, is a mistake', () => {
  expect(() => given({}, { clientId: '' })).toThrow(TypeError);
  expect(() => given({}, { issuer: 'http://id.example' })).toThrow(TypeError);
});
