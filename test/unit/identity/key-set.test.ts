import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { TokenVerifier } from '#lib/identity/token.ts';
import { audience, issuer, makeIssuer, start, startS } from './issuer.ts';

const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;

/** A verifier that reads the issuer's keys by `fetch`, and a clock that the test moves. */
async function given() {
  const idp = await makeIssuer();
  let now = start;
  const verifier = new TokenVerifier({
    issuer,
    audience,
    jwksUri: `${issuer}/jwks`,
    now: () => now,
    fetch: idp.fetch,
  });
  const verify = async (header: { kid?: string } = {}) =>
    verifier.verify(await idp.sign({ exp: startS + 48 * 3600 }, header));
  return { idp, verify, advance: (ms: number) => (now += ms) };
}

describe('keys of the issuer', () => {
  test('are read once for many sign-ins at once', async () => {
    const { idp, verify } = await given();

    await Promise.all(Array.from({ length: 20 }, () => verify()));

    expect(idp.reads()).toBe(1);
  });

  test('are renewed after ten minutes, and a withdrawn key then no longer counts', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    await idp.addKey('two');
    idp.removeKey('one');

    advance(10 * minutes);

    await expect(verify()).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(verify({ kid: 'two' })).resolves.toMatchObject({ subject: 'u-1' });
    expect(idp.reads()).toBe(2);
  });

  test('that were rotated are picked up by the first token that names the new one', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    await idp.addKey('two');

    advance(30 * seconds);

    await expect(verify({ kid: 'two' })).resolves.toMatchObject({ subject: 'u-1' });
  });

  test('are not read again for each unknown key id', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    advance(30 * seconds);

    for (let attempt = 0; attempt < 50; attempt++) {
      await expect(verify({ kid: `made-up-${attempt}` })).rejects.toMatchObject({ code: 'unauthenticated' });
    }

    expect(idp.reads()).toBe(2);
  });

  test('are not read for a token with an algorithm that is not allowed', async () => {
    const { idp } = await given();
    const verifier = new TokenVerifier({ issuer, audience, jwksUri: `${issuer}/jwks`, fetch: idp.fetch });

    await expect(verifier.verify('eyJhbGciOiJIUzI1NiJ9.e30.AAAA')).rejects.toMatchObject({
      code: 'unauthenticated',
    });

    expect(idp.reads()).toBe(0);
  });
});

describe('an issuer that is away', () => {
  test('does no harm while its keys are cached, and is asked again every half minute at most', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    idp.setAway(true);

    advance(11 * minutes);
    for (let attempt = 0; attempt < 10; attempt++) await expect(verify()).resolves.toBeDefined();
    expect(idp.reads()).toBe(2);

    advance(30 * seconds);
    await expect(verify()).resolves.toBeDefined();
    expect(idp.reads()).toBe(3);
  });

  test('is not believed for more than a day', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    idp.setAway(true);

    advance(24 * hours);

    await expect(verify()).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
  });

  test('means that nobody comes in when no key is cached, and is told apart from a bad token', async () => {
    const { idp, verify, advance } = await given();
    idp.setAway(true);

    await expect(verify()).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
    await expect(verify()).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
    expect(idp.reads()).toBe(1);

    idp.setAway(false);
    advance(2 * seconds);
    await expect(verify()).resolves.toBeDefined();
  });

  test('leaves open whether an unknown key is good', async () => {
    const { idp, verify, advance } = await given();
    await verify();
    idp.setAway(true);
    advance(30 * seconds);

    await expect(verify({ kid: 'new' })).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
  });
});

describe('where the keys may come from', () => {
  const make = (jwksUri: string | undefined, from: string, fetched: typeof fetch = fetch) =>
    new TokenVerifier({ issuer: from, audience, jwksUri, now: () => start, fetch: fetched });

  test.each(['http://id.example/jwks', 'ftp://id.example/jwks', 'jwks', 'http://127.0.0.1.example/jwks'])(
    'never from %s',
    uri => {
      expect(() => make(uri, issuer)).toThrow(TypeError);
    },
  );

  test.each([
    'https://id.example/jwks',
    'http://127.0.0.1:8080/jwks',
    'http://localhost/jwks',
    'file:///jwks',
  ])('from %s', uri => {
    expect(() => make(uri, issuer)).not.toThrow();
  });

  test('from a file that is pushed to the task, also when it changes', async () => {
    const idp = await makeIssuer();
    const folder = await mkdtemp(join(tmpdir(), 'keys-'));
    try {
      const file = join(folder, 'jwks.json');
      await writeFile(file, JSON.stringify(idp.jwks));
      let now = start;
      const jwksUri = pathToFileURL(file).href;
      const verifier = new TokenVerifier({ issuer, audience, jwksUri, now: () => now });
      await expect(verifier.verify(await idp.sign())).resolves.toMatchObject({ subject: 'u-1' });

      await idp.addKey('two');
      await writeFile(file, JSON.stringify(idp.jwks));
      now += 30 * seconds;

      await expect(verifier.verify(await idp.sign({}, { kid: 'two' }))).resolves.toMatchObject({
        subject: 'u-1',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  /** Answers the discovery document `document`, and the key set elsewhere. */
  const discovered = (idp: Awaited<ReturnType<typeof makeIssuer>>, document: unknown) =>
    (async (url: string) =>
      url === `${issuer}/.well-known/openid-configuration`
        ? Response.json(document)
        : Response.json(url === `${issuer}/keys` ? idp.jwks : {})) as typeof fetch;

  test('by discovery', async () => {
    const idp = await makeIssuer();
    const verifier = make(undefined, issuer, discovered(idp, { issuer, jwks_uri: `${issuer}/keys` }));

    await expect(verifier.verify(await idp.sign())).resolves.toMatchObject({ subject: 'u-1' });
  });

  test.each([
    ['of another issuer', { issuer: 'https://other.example', jwks_uri: `${issuer}/keys` }],
    ['that points to plain HTTP', { issuer, jwks_uri: 'http://id.example/keys' }],
    ['that points to a file', { issuer, jwks_uri: 'file:///etc/keys' }],
    ['without keys', { issuer }],
  ])('never by a discovery document %s', async (_, document) => {
    const idp = await makeIssuer();
    const verifier = make(undefined, issuer, discovered(idp, document));

    await expect(verifier.verify(await idp.sign())).rejects.toMatchObject({
      code: 'controlPlaneUnavailable',
    });
  });

  test('never from a document without end', async () => {
    const idp = await makeIssuer();
    let sent = 0;
    const endless = (async () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 65_536;
            controller.enqueue(new Uint8Array(65_536).fill(32));
          },
        }),
      )) as unknown as typeof fetch;

    const verified = make(`${issuer}/jwks`, issuer, endless).verify(await idp.sign());

    await expect(verified).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
    expect(sent).toBeLessThan(1_048_576);
  });
});
