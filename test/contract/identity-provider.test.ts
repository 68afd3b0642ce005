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
  startIdentityProvider,
} from '#local/identity-provider.ts';
import { tokenExchange } from '#local/token-exchange.ts';

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

/** POSTs a form to the token endpoint as the agent. */
async function asAgent(form: Record<string, string>) {
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`agent:${provider.agentSecret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** A browser with cookies that stops at the first address that is not the provider's. */
function browser() {
  const cookies = new Map<string, string>();
  return async (url: string, form?: Record<string, string>) => {
    let target = url;
    let body = form && new URLSearchParams(form);
    for (;;) {
      const response = await fetch(target, {
        method: body === undefined ? 'GET' : 'POST',
        ...(body && { body }),
        headers: { cookie: [...cookies].map(pair => pair.join('=')).join('; ') },
        redirect: 'manual',
      });
      body = undefined;
      for (const cookie of response.headers.getSetCookie()) {
        const [name, value] = cookie.split(';')[0]!.split('=');
        cookies.set(name!, value!);
      }
      const location = response.headers.get('location');
      if (location === null) return { url: target, text: await response.text() };
      target = new URL(location, target).href;
      if (!target.startsWith(provider.issuer)) return { url: target, text: '' };
    }
  };
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
    const redirect = 'http://127.0.0.1:54321/callback';
    const query = new URLSearchParams({
      client_id: commandLineClient,
      response_type: 'code',
      scope: 'openid email connect',
      redirect_uri: redirect,
      code_challenge: createHash('sha256').update(secret).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const open = browser();

    const page = await open(`${provider.issuer}/auth?${query}`);
    const done = await open(page.url, { person: 'auditor' });
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

  test('hands out device codes', async () => {
    const response = await fetch(`${provider.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: commandLineClient, scope: 'openid connect' }),
    });

    const body = (await response.json()) as Record<string, string>;

    expect(body['verification_uri_complete']).toContain(body['user_code']);
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
