import { createHmac, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { exportJWK, importSPKI } from 'jose';
import { TokenVerifier, type TokenVerifierOptions } from '#lib/identity/token.ts';
import { audience, issuer, makeIssuer, start, startS } from './issuer.ts';

const idp = await makeIssuer();

const verifier = (options: Partial<TokenVerifierOptions> = {}) =>
  new TokenVerifier({ issuer, audience, jwks: idp.jwks, now: () => start, ...options });

const unauthenticated = { name: 'SallyportError', code: 'unauthenticated' };
const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const goodClaims = { iss: issuer, aud: audience, sub: 'u-1', exp: startS + 300 };

describe('a good access token', () => {
  test('names its principal', async () => {
    const token = await idp.sign({ email: 'dev@example.com', groups: ['ops', 'developers', 'ops'] });

    await expect(verifier().verify(token)).resolves.toEqual({
      issuer,
      subject: 'u-1',
      name: 'dev@example.com',
      kind: 'human',
      groups: ['developers', 'ops'],
      expiresAt: startS + 300,
    });
  });

  test('may be meant for others besides us', async () => {
    const token = await idp.sign({ aud: ['other', audience] });

    await expect(verifier().verify(token)).resolves.toMatchObject({ subject: 'u-1' });
  });

  test.each(['at+jwt', 'application/at+jwt', 'JWT', undefined])('may have the type %p', async typ => {
    const token = await idp.sign({}, { typ } as { typ?: string });

    await expect(verifier().verify(token)).resolves.toMatchObject({ subject: 'u-1' });
  });
});

describe('a forged token is refused', () => {
  test('without a signature (alg none)', async () => {
    const token = `${segment({ alg: 'none' })}.${segment(goodClaims)}.`;

    await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('with the public key as the secret of a MAC', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = { ...(await exportJWK(await importSPKI(pem, 'RS256'))), kid: 'rsa' };
    const signed = `${segment({ alg: 'HS256', kid: 'rsa' })}.${segment(goodClaims)}`;
    const token = `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;

    await expect(verifier({ jwks: { keys: [jwk] } }).verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('with a symmetric key in the key set', async () => {
    const secret = Buffer.alloc(32, 7);
    const jwk = { kty: 'oct', k: secret.toString('base64url'), kid: 'mac', alg: 'HS256' };
    const signed = `${segment({ alg: 'HS256', kid: 'mac' })}.${segment(goodClaims)}`;
    const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;

    await expect(verifier({ jwks: { keys: [jwk] } }).verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('with a key that it brings along itself', async () => {
    const stranger = await makeIssuer();
    const [head, ...rest] = (await stranger.sign()).split('.');
    const header = JSON.parse(Buffer.from(head ?? '', 'base64url').toString());
    const token = [segment({ ...header, jwk: stranger.jwks.keys[0] }), ...rest].join('.');

    await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('signed by somebody else under the name of a known key', async () => {
    const stranger = await makeIssuer();

    await expect(verifier().verify(await stranger.sign())).rejects.toMatchObject(unauthenticated);
  });

  test('with any character of its signature or payload changed', async () => {
    const token = await idp.sign();
    const last = token.length - 3;

    for (const position of [token.indexOf('.') + 5, last]) {
      const other = token[position] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, position) + other + token.slice(position + 1);
      await expect(verifier().verify(changed)).rejects.toMatchObject(unauthenticated);
    }
  });

  test('with an extension that we must understand and do not', async () => {
    const [, ...rest] = (await idp.sign()).split('.');
    const token = [segment({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 }), ...rest].join('.');

    await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('and every way of forging it reads the same', async () => {
    const stranger = await makeIssuer();
    const forged = [
      'a.b.c',
      `${segment({ alg: 'none' })}.${segment(goodClaims)}.`,
      await stranger.sign(),
      await stranger.sign({ exp: startS - 10_000 }),
      await stranger.sign({}, { kid: 'unknown' }),
      'x'.repeat(20_000),
    ];

    const messages = await Promise.all(
      forged.map(token =>
        verifier()
          .verify(token)
          .catch((error: Error) => error.message),
      ),
    );

    expect(new Set(messages).size).toBe(1);
  });
});

describe('a token of the issuer is refused', () => {
  test.each([
    ['another issuer', { iss: 'https://other.example' }],
    ['another issuer that only begins like ours', { iss: `${issuer}/` }],
    ['another audience', { aud: 'console' }],
    ['no audience', { aud: undefined }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['no expiry', { exp: undefined }],
    ['an expiry that is no number', { exp: 'tomorrow' }],
    ['an identity token (at_hash)', { at_hash: 'x' }],
    ['an identity token (token_use)', { token_use: 'id' }],
    ['a logout token', { events: {} }],
    ['a token bound to a key', { cnf: { jkt: 'x' } }],
  ])('that has %s', async (_, claims) => {
    const token = await idp.sign(claims as Record<string, unknown>);

    await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test.each(['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'oauth-authz-req+jwt'])('of type %s', async typ => {
    await expect(verifier().verify(await idp.sign({}, { typ }))).rejects.toMatchObject(unauthenticated);
  });

  test('longer than 16 KiB, before anything is computed', async () => {
    const token = await idp.sign({ padding: 'x'.repeat(16 * 1024) });

    await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('that names a claim twice, at any depth', async () => {
    const open = `{"iss":"${issuer}","aud":"${audience}","exp":${startS + 300},"sub":"u-1"`;
    const once = await idp.signText(`${open},"x":{"a":1,"b":"\\"a\\":"}}`);
    const twice = await idp.signText(`${open},"sub":"root"}`);
    const escaped = await idp.signText(`${open},"\\u0073ub":"root"}`);
    const deep = await idp.signText(`${open},"act":{"sub":"agent","sub":"root"}}`);

    await expect(verifier().verify(once)).resolves.toMatchObject({ subject: 'u-1' });
    for (const token of [twice, escaped, deep]) {
      await expect(verifier().verify(token)).rejects.toMatchObject(unauthenticated);
    }
  });
});

describe('the clock', () => {
  test.each([
    ['expiry', 'just within the tolerance', { exp: startS - 59 }, true],
    ['expiry', 'at the tolerance', { exp: startS - 60 }, false],
    ['not-before', 'within the tolerance', { nbf: startS + 60 }, true],
    ['not-before', 'past the tolerance', { nbf: startS + 61 }, false],
  ])('%s %s', async (_claim, _where, claims, good) => {
    const verified = verifier().verify(await idp.sign(claims));

    await (good
      ? expect(verified).resolves.toMatchObject({ subject: 'u-1' })
      : expect(verified).rejects.toMatchObject(unauthenticated));
  });

  test('may not be believed to differ by more than a minute', () => {
    for (const clockToleranceS of [61, -1, Number.NaN]) {
      expect(() => verifier({ clockToleranceS })).toThrow(TypeError);
    }
  });
});

test('no error holds the token or any part of it', async () => {
  const tokens = [
    await idp.sign({ exp: startS - 100, email: 'secret@example.com' }),
    await idp.sign({ aud: 'other', email: 'secret@example.com' }),
    await idp.sign({ groups: { 'secret@example.com': 1 } }),
    await idp.sign({ email: 'secret@example.com', at_hash: 'x' }),
    `${await idp.sign()}x`,
  ];

  for (const token of tokens) {
    const error: unknown = await verifier()
      .verify(token)
      .catch((reason: unknown) => reason);
    const shown = inspect(error, { depth: 20, showHidden: true, getters: true });
    for (const part of token.split('.')) expect(shown).not.toContain(part);
    expect(shown).not.toContain('secret@example.com');
  }
});
