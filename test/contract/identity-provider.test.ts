import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { TokenVerifier } from '#lib/identity/token.ts';
import {
  audience,
  commandLineClient,
  type IdentityProvider,
  signInClient,
  signInScope,
  startIdentityProvider,
} from '#local/identity-provider.ts';
import { tokenExchange } from '#local/token-exchange.ts';
import { Browser } from '../support/browser.ts';
import { endSession, refuseDevice, signInByDevice } from '../support/device-sign-in.ts';

const redirect = 'http://127.0.0.1:54321/callback';

let folder: string;
let provider: IdentityProvider;
let verifier: TokenVerifier;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-idp-'));
  provider = await startIdentityProvider({ folder, port: 0 });
  verifier = new TokenVerifier({ issuer: provider.issuer, audience, jwksUri: provider.jwksUri });
});

afterAll(async () => {
  await provider.stop();
  await rm(folder, { recursive: true });
});

/** At the same address, so that it is the same issuer. */
async function restart(): Promise<void> {
  const port = Number(new URL(provider.issuer).port);
  await provider.stop();
  provider = await startIdentityProvider({ folder, port });
}

/** POSTs a form to the token endpoint as the agent. */
async function asAgent(form: Record<string, string>) {
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`agent:${provider.agentSecret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

describe('the development identity provider', () => {
  test('gives each person a token that the gateway accepts for a day', async () => {
    const token = await provider.tokenFor('dba');

    const principal = await verifier.verify(token);

    expect(principal).toMatchObject({
      subject: 'dba',
      name: 'dba@shop.example',
      kind: 'human',
      groups: ['dbas'],
    });
    expect(principal.expiresAt - Date.now() / 1000).toBeGreaterThan(23 * 3600);
  });

  test('gives the agent a token that says who acts and for whom', async () => {
    const principal = await verifier.verify(await provider.tokenFor('agent'));

    expect(principal).toMatchObject({
      subject: 'agent',
      kind: 'agent',
      groups: ['agents'],
      onBehalfOf: { subject: 'dev', name: 'dev@shop.example' },
    });
  });

  test("lets the agent exchange a person's token for one that acts for that person", async () => {
    const form = {
      grant_type: tokenExchange,
      subject_token: await provider.tokenFor('dba'),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };

    const { status, body } = await asAgent(form);

    expect(status).toBe(200);
    const principal = await verifier.verify(body['access_token']!);
    expect(principal).toMatchObject({ kind: 'agent', subject: 'agent', onBehalfOf: { subject: 'dba' } });
  });

  test('exchanges no token that is not its own', async () => {
    const { status, body } = await asAgent({
      grant_type: tokenExchange,
      subject_token: `${(await provider.tokenFor('dba')).slice(0, -8)}AAAAAAAA`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });

    expect(status).toBe(400);
    expect(body['error']).toBe('invalid_grant');
  });

  test('gives the agent by itself a token as a service', async () => {
    const { body } = await asAgent({ grant_type: 'client_credentials' });

    const principal = await verifier.verify(body['access_token']!);

    expect(principal).toMatchObject({ subject: 'agent', kind: 'service', groups: ['agents'] });
  });

  test('signs a person in with a browser and the authorisation code flow', async () => {
    const secret = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: commandLineClient,
      response_type: 'code',
      scope: 'openid email connect',
      redirect_uri: redirect,
      code_challenge: createHash('sha256').update(secret).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const browser = new Browser();

    const page = await browser.open(`${provider.issuer}/auth?${query}`);
    const done = await browser.submit(page, { person: 'auditor', passcode: provider.passcode });
    const response = await fetch(`${provider.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: commandLineClient,
        code: new URL(done.url).searchParams.get('code')!,
        redirect_uri: redirect,
        code_verifier: secret,
      }),
    });

    expect(page.text).toContain('auditor@shop.example');
    const body = (await response.json()) as Record<string, string>;
    expect(body).not.toHaveProperty('error');
    expect(await verifier.verify(body['access_token']!)).toMatchObject({
      name: 'auditor@shop.example',
      groups: ['auditors'],
    });
  });

  test('who does not know the word of this machine signs in as nobody', async () => {
    const query = new URLSearchParams({
      client_id: commandLineClient,
      response_type: 'code',
      scope: 'openid email connect',
      redirect_uri: redirect,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    const browser = new Browser();
    const page = await browser.open(`${provider.issuer}/auth?${query}`);

    for (const passcode of ['', 'aaaa-aaaa', provider.passcode.slice(1)]) {
      expect(await browser.submit(page, { person: 'dba', passcode })).toMatchObject({ status: 403 });
    }
    const typed = provider.passcode.toUpperCase().replace('-', ' ');
    const done = await browser.submit(page, { person: 'dba', passcode: typed });

    expect(new URL(done.url).searchParams.get('code')).toBeTruthy();
  });

  test('keeps its key over a restart, so that tokens outlive it', async () => {
    const token = await provider.tokenFor('dev');
    const port = Number(new URL(provider.issuer).port);
    await provider.stop();
    provider = await startIdentityProvider({ folder, port });

    const fresh = new TokenVerifier({ issuer: provider.issuer, audience });

    expect((await fresh.verify(token)).subject).toBe(decodeJwt(token).sub);
  });
});

describe('its sign-in for clients without a browser', () => {
  const post = async (path: string, form: Record<string, string>) => {
    const response = await fetch(provider.issuer + path, {
      method: 'POST',
      body: new URLSearchParams({ client_id: signInClient, ...form }),
    });
    return (await response.json()) as Record<string, string>;
  };
  const begin = async (scope = `${signInScope} offline_access`) => {
    const begun = await post('/device/auth', { scope });
    return {
      deviceCode: begun['device_code']!,
      userCode: begun['user_code']!,
      link: begun['verification_uri_complete']!,
    };
  };
  const ask = (deviceCode: string) =>
    post('/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode });
  const refresh = (token: string) => post('/token', { grant_type: 'refresh_token', refresh_token: token });

  test('shows the code, asks who it is, and gives tokens that the gateway accepts', async () => {
    const { deviceCode, userCode, link } = await begin();
    expect(await ask(deviceCode)).toMatchObject({ error: 'authorization_pending' });

    const { code, last } = await signInByDevice(link, 'dba', provider.passcode);

    expect(code.text).toContain(userCode);
    expect(last.text).toContain('dba@shop.example');
    const tokens = await ask(deviceCode);
    expect(await verifier.verify(tokens['access_token']!)).toMatchObject({
      subject: 'dba',
      kind: 'human',
      groups: ['dbas'],
    });
    expect(await ask(deviceCode)).toMatchObject({ error: 'invalid_grant' });
  });

  test('takes the code by hand, and says what is wrong with another one', async () => {
    const { deviceCode, userCode } = await begin(signInScope);
    const browser = new Browser();

    const input = await browser.open(`${provider.issuer}/device`);
    const wrong = await browser.submit(input, { user_code: 'BBBB-BBBB"><script>' });
    const confirm = await browser.submit(wrong, { user_code: userCode.toLowerCase() });
    await browser.submit(await browser.submit(confirm), { person: 'dev', passcode: provider.passcode });

    expect(wrong.text).toContain('There is no such code');
    expect(wrong.text).not.toContain('<script>');
    const tokens = await ask(deviceCode);
    expect(tokens).toHaveProperty('access_token');
    expect(tokens).not.toHaveProperty('refresh_token');
  });

  test('tells the client when the person refuses', async () => {
    const { deviceCode, link } = await begin();

    expect((await refuseDevice(link)).text).toContain('refused');

    expect(await ask(deviceCode)).toMatchObject({ error: 'access_denied' });
  });

  test('knows the person again in the same session, and says whom', async () => {
    const { browser } = await signInByDevice((await begin()).link, 'dba', provider.passcode);
    const { deviceCode, link } = await begin();

    const { code } = await signInByDevice(link, 'dev', provider.passcode, browser);

    expect(code.text).toContain('dba@shop.example');
    const tokens = await ask(deviceCode);
    expect(await verifier.verify(tokens['access_token']!)).toMatchObject({ subject: 'dba' });
  });

  test('renews tokens once each, until the session ends', async () => {
    const { deviceCode, link } = await begin();
    const { browser } = await signInByDevice(link, 'dev', provider.passcode);
    const first = await ask(deviceCode);

    const second = await refresh(first['refresh_token']!);
    expect(await verifier.verify(second['access_token']!)).toMatchObject({ subject: 'dev' });
    await endSession(browser, provider.issuer);

    expect(await refresh(second['refresh_token']!)).toMatchObject({ error: 'invalid_grant' });
  });

  test('renews the tokens of all sign-ins of one browser, after a restart too', async () => {
    const one = await begin();
    const { browser } = await signInByDevice(one.link, 'dev', provider.passcode);
    const first = await ask(one.deviceCode);
    const other = await begin();
    await signInByDevice(other.link, 'dev', provider.passcode, browser);
    const second = await ask(other.deviceCode);

    const renewed = await refresh(first['refresh_token']!);
    await restart();

    expect(await refresh(renewed['refresh_token']!)).toHaveProperty('access_token');
    expect(await refresh(second['refresh_token']!)).toHaveProperty('access_token');
  });

  test('lets no page be framed, stored or run a script of ours', async () => {
    const { headers } = await fetch(`${provider.issuer}/device`);

    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  });
});
