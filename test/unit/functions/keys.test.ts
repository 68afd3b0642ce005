import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { makeAuthorize } from '#functions/authorize.ts';
import { makeHandler } from '#functions/keys/keys.ts';
import type { Lock } from '#lib/aws/access-records.ts';
import type { KeyBinding } from '#lib/aws/key-store.ts';
import type { DoneLogin } from '#lib/aws/login-store.ts';
import { SallyportError } from '#lib/errors.ts';
import type { TokenAnswer } from '#lib/identity/authorization-server.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { SshWriter } from '#lib/ssh/data-types.ts';
import { fingerprintInPath } from '#lib/ssh/fingerprint.ts';
import { call, claims, event, gateway, issuer, signedIn, snapshot, start } from './fixtures.ts';

const hour = 3_600_000;
const operator: Principal = {
  issuer,
  subject: 'u-op',
  name: 'op@example.com',
  kind: 'human',
  groups: ['operators'],
  expiresAt: (start + hour) / 1000,
};
const published = snapshot();
const loginId = 'L'.repeat(43);
const blobOf = (seed: number) => new SshWriter().string('ssh-ed25519').string(Buffer.alloc(32, seed)).done();
const publicKey = blobOf(1).toString('base64');
const fingerprint = `SHA256:${createHash('sha256').update(blobOf(1)).digest('base64').slice(0, 43)}`;
const away = () => new SallyportError('controlPlaneUnavailable', 'away');

/** The function over a table in memory. The provider gives `refresh.answer`, its tokens are those of `as`. */
function given(locks: Lock[] = []) {
  const bindings = new Map<string, KeyBinding>();
  const logins = new Map<string, DoneLogin>();
  const clock = { now: start };
  const used: string[] = [];
  const logged: unknown[] = [];
  const refresh = {
    answer: async (): Promise<TokenAnswer> => ({
      kind: 'tokens',
      accessToken: 'a',
      refreshToken: `r${used.length}`,
    }),
  };
  const as = { principal: operator, failure: undefined as Error | undefined };
  const handler = makeHandler({
    keys: {
      find: async id => {
        const binding = bindings.get(id);
        return binding && binding.endsAt > clock.now ? binding : undefined;
      },
      add: async binding => {
        const bound = bindings.get(binding.fingerprint);
        if (bound && bound.endsAt > clock.now) return false;
        bindings.set(binding.fingerprint, binding);
        return true;
      },
      replace: async (binding, was) => {
        const bound = bindings.get(binding.fingerprint);
        if (bound?.revision !== was.revision || bound.boundAt !== was.boundAt) return false;
        bindings.set(binding.fingerprint, binding);
        return true;
      },
      remove: async ({ fingerprint: id, boundAt }) => {
        if (bindings.get(id)?.boundAt === boundAt) bindings.delete(id);
      },
      list: async wanted => ({ bindings: [...bindings.values()].filter(wanted), truncated: false }),
    },
    logins: {
      takeDone: async id => {
        const login = logins.get(id);
        logins.delete(id);
        return login && login.notAfter > clock.now ? login : undefined;
      },
    },
    provider: {
      refresh: async token => {
        used.push(token);
        return refresh.answer();
      },
    },
    verify: async () => {
      if (as.failure) throw as.failure;
      return { ...as.principal, expiresAt: (clock.now + hour) / 1000 };
    },
    authorize: makeAuthorize({
      policy: { current: async () => published },
      access: { locks: async () => locks },
      now: () => clock.now,
    }),
    maxAgeMs: 12 * hour,
    checkMs: 180_000,
    now: () => clock.now,
    wait: async ms => {
      clock.now += ms;
    },
    log: line => void logged.push(line),
  });
  const post = (route: string, body: unknown) =>
    call(handler, event(route, { authorizer: gateway, body: JSON.stringify(body) }));
  /** A sign-in that is done. */
  const login = (principal = operator, { purpose = 'key', refreshToken = 'r0' as string | null } = {}) =>
    void logins.set(loginId, {
      ...{ id: loginId, from: '192.0.2.7', state: 'done', principal, revision: 1 },
      purpose: purpose === 'key' ? 'key' : 'session',
      ...(refreshToken !== null && { refreshToken }),
      notAfter: clock.now + 60_000,
    });
  const bind = (more: object = {}) => post('POST /v1/keys', { loginId, publicKey, ...more });
  const bound = async (principal = operator) => {
    login(principal);
    expect((await bind()).status).toBe(201);
  };
  const lookup = (from?: string, which = fingerprint) =>
    post('POST /v1/keys/lookup', { fingerprint: which, ...(from && { from }) });
  const list = (who = claims()) => call(handler, event('GET /v1/keys', signedIn(who)));
  const revoke = (which: string, who = claims()) =>
    call(
      handler,
      event('DELETE /v1/keys/{fingerprint}', { ...signedIn(who), pathParameters: { fingerprint: which } }),
    );
  return {
    handler,
    bindings,
    logins,
    clock,
    used,
    refresh,
    as,
    login,
    bind,
    bound,
    lookup,
    list,
    revoke,
    post,
  };
}

describe('binding a key', () => {
  test('lets it stand for whom the sign-in was of, for 12 hours at most', async () => {
    const { login, bind, lookup, clock, bindings } = given();
    login();

    expect(await bind({ comment: ' laptop ' })).toMatchObject({
      status: 201,
      body: { fingerprint, endsAt: start + 12 * hour },
    });
    expect(bindings.get(fingerprint)).toMatchObject({ comment: 'laptop', keyType: 'ssh-ed25519' });
    expect(await lookup()).toMatchObject({ status: 200, body: { principal: { subject: 'u-op' } } });
    clock.now = start + 12 * hour;
    expect(await lookup()).toMatchObject({ status: 404, body: { code: 'notFound' } });
  });

  test('ends with the token where the provider gave no refresh token', async () => {
    const { login, bind, lookup, clock, used } = given();
    login(operator, { refreshToken: null });

    expect(await bind()).toMatchObject({ body: { endsAt: start + hour } });

    clock.now = start + hour - 1;
    expect((await lookup()).status).toBe(200);
    clock.now += 1;
    expect((await lookup()).status).toBe(404);
    expect(used).toEqual([]);
  });

  test('takes a sign-in that is done, for a key, once', async () => {
    const { login, bind, clock } = given();

    expect((await bind()).status).toBe(404);
    login(operator, { purpose: 'session' });
    expect((await bind()).status).toBe(404);
    login();
    clock.now += 60_000;
    expect((await bind()).status).toBe(404);
    login();
    expect((await bind()).status).toBe(201);
    expect((await bind()).status).toBe(404);
  });

  test('needs policy, and uses the sign-in up where it is refused', async () => {
    const { login, bind, bindings } = given();
    login({ ...operator, groups: ['developers'] });

    expect(await bind()).toMatchObject({ status: 403, body: { code: 'forbidden' } });

    expect((await bind()).status).toBe(404);
    expect([...bindings]).toEqual([]);
  });

  test('is refused to somebody who is locked out', async () => {
    const lock: Lock = {
      locks: { kind: 'principal', issuer, subject: operator.subject },
      reason: 'left',
      by: { issuer, subject: 'u-1', name: 'x' },
      createdAt: start,
    };
    const { login, bind } = given([lock]);
    login();

    expect(await bind()).toMatchObject({ status: 403, body: { title: expect.stringContaining('left') } });
  });

  test('replaces one’s own binding, and not that of another as long as it holds', async () => {
    const { bound, login, bind, bindings, clock, refresh, lookup } = given();
    await bound();
    clock.now += 1_000;
    await bound();
    expect(bindings.get(fingerprint)?.boundAt).toBe(start + 1_000);
    const other = { ...operator, subject: 'u-other' };

    login(other);
    expect(await bind()).toMatchObject({ status: 409, body: { code: 'keyInUse' } });
    expect(await lookup()).toMatchObject({ body: { principal: { subject: 'u-op' } } });

    clock.now += 180_000;
    refresh.answer = async () => ({ kind: 'error', error: 'invalid_grant' });
    await bound(other);
    expect(bindings.get(fingerprint)?.principal.subject).toBe('u-other');
  });

  test.each([
    ['no key', ''],
    ['a key of another kind', new SshWriter().string('ssh-dss').string('x').done().toString('base64')],
    [
      'a certificate',
      new SshWriter().string('ssh-ed25519-cert-v01@openssh.com').string('x').done().toString('base64'),
    ],
    ['half a length', Buffer.from([0, 0]).toString('base64')],
    ['a length past the end', Buffer.from([255, 255, 255, 255, 1]).toString('base64')],
    ['what is no base64', '!!!!'],
    ['5 KB', new SshWriter().string('ssh-rsa').string(Buffer.alloc(5_000)).done().toString('base64')],
  ])('refuses %s, and the sign-in stays good', async (_, wrong) => {
    const { login, bind } = given();
    login();

    expect((await bind({ publicKey: wrong })).status).toBe(400);
    expect((await bind()).status).toBe(201);
  });

  test.each([{ comment: 'x\x1b[2J' }, { comment: 'x\ny' }, { comment: '' }, { loginId: 'x' }, { more: 1 }])(
    'refuses %j',
    async more => {
      const { login, bind } = given();
      login();

      expect((await bind(more)).status).toBe(400);
    },
  );
});

describe('looking a key up', () => {
  test('relies on the provider’s last answer for three minutes, then asks with the newest refresh token', async () => {
    const { bound, lookup, clock, used, as } = given();
    await bound();

    clock.now = start + 179_999;
    await lookup();
    expect(used).toEqual([]);
    clock.now = start + 180_000;
    as.principal = { ...operator, name: 'new@example.com', groups: ['others'] };
    expect(await lookup()).toMatchObject({
      body: { principal: { name: 'new@example.com', groups: ['others'] } },
    });
    clock.now += 180_000;
    await lookup();

    expect(used).toEqual(['r0', 'r1']);
  });

  test('keeps the refresh token that the provider does not replace', async () => {
    const { bound, lookup, clock, used, refresh } = given();
    await bound();
    refresh.answer = async () => ({ kind: 'tokens', accessToken: 'a', refreshToken: undefined });

    for (let use = 0; use < 2; use++) {
      clock.now += 180_000;
      await lookup();
    }

    expect(used).toEqual(['r0', 'r0']);
  });

  test('asks early where the token is about to expire', async () => {
    const { bound, lookup, clock, used } = given();
    await bound({ ...operator, expiresAt: (start + 60_000) / 1000 });

    clock.now = start + 29_000;
    await lookup();
    expect(used).toEqual([]);
    clock.now = start + 31_000;

    expect((await lookup()).status).toBe(200);
    expect(used).toEqual(['r0']);
  });

  test('ends the binding when the session has ended', async () => {
    const { bound, lookup, clock, bindings, refresh } = given();
    await bound();
    clock.now += 180_000;
    refresh.answer = async () => ({ kind: 'error', error: 'invalid_grant' });

    expect(await lookup()).toMatchObject({ status: 404, body: { code: 'notFound' } });

    expect([...bindings]).toEqual([]);
  });

  test.each([
    ['of somebody else', { principal: { ...operator, subject: 'u-2' }, failure: undefined }],
    ['of another kind', { principal: { ...operator, kind: 'agent' as const }, failure: undefined }],
    ['not accepted', { principal: operator, failure: new SallyportError('unauthenticated', 'no') }],
  ])('ends the binding when the new token is %s', async (_, answer) => {
    const { bound, lookup, clock, bindings, as } = given();
    await bound();
    clock.now += 180_000;
    Object.assign(as, answer);

    expect((await lookup()).status).toBe(404);
    expect([...bindings]).toEqual([]);
  });

  test.each([
    ['does not answer', async () => Promise.reject(away())],
    ['refuses our client', async (): Promise<TokenAnswer> => ({ kind: 'error', error: 'invalid_client' })],
  ])('holds until the last token expires when the provider %s, and no longer', async (_, answer) => {
    const { bound, lookup, clock, refresh, used, bindings } = given();
    await bound();
    refresh.answer = answer;

    clock.now = start + 180_000;
    expect((await lookup()).status).toBe(200);
    // It is left alone for a while.
    expect((await lookup()).status).toBe(200);
    expect(used).toHaveLength(1);
    clock.now = start + hour;
    expect(await lookup()).toMatchObject({ status: 503, body: { code: 'controlPlaneUnavailable' } });
    expect(await lookup()).toMatchObject({ status: 503 });
    expect(used).toHaveLength(2);

    // The session may well stand: nothing is lost.
    expect(bindings.size).toBe(1);
    clock.now += 15_000;
    refresh.answer = async () => ({ kind: 'tokens', accessToken: 'a', refreshToken: undefined });
    expect((await lookup()).status).toBe(200);
  });

  test('does not lose the new refresh token when the new access token cannot be verified now', async () => {
    const { bound, lookup, clock, used, as } = given();
    await bound();
    clock.now += 180_000;
    as.failure = away();

    expect((await lookup()).status).toBe(200);
    as.failure = undefined;
    clock.now += 15_000;
    await lookup();

    expect(used).toEqual(['r0', 'r1']);
  });

  test('of many at once asks the provider once', async () => {
    const { bound, lookup, clock, used, refresh } = given();
    await bound();
    clock.now += 180_000;
    refresh.answer = async () => {
      await new Promise(resolve => setImmediate(resolve));
      return { kind: 'tokens', accessToken: 'a', refreshToken: 'r1' };
    };

    const answers = await Promise.all(Array.from({ length: 20 }, () => lookup()));

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(used).toEqual(['r0']);
  });

  test('takes over from somebody who began to ask and was never heard from again', async () => {
    const { bound, lookup, clock, used, bindings } = given();
    await bound();
    clock.now += 180_000;
    const binding = bindings.get(fingerprint)!;
    bindings.set(fingerprint, { ...binding, busyUntil: clock.now + 10_000 });

    // Whoever comes at once waits, and then goes by the last token.
    expect((await lookup()).status).toBe(200);
    expect(used).toEqual([]);
    clock.now += 10_000;
    expect((await lookup()).status).toBe(200);
    expect(used).toEqual(['r0']);
  });

  test('finds nobody when the key is revoked while the provider is asked', async () => {
    const { bound, lookup, clock, revoke, refresh } = given();
    await bound();
    clock.now += 180_000;
    refresh.answer = async () => {
      await revoke(fingerprint);
      return { kind: 'tokens', accessToken: 'a', refreshToken: 'r1' };
    };

    expect((await lookup()).status).toBe(404);
  });

  test('remembers when and from where, once a minute', async () => {
    const { bound, lookup, clock, list, bindings } = given();
    await bound();
    clock.now += 10_000;
    await lookup('192.0.2.7');
    const { revision } = bindings.get(fingerprint)!;
    await lookup();
    expect(bindings.get(fingerprint)?.revision).toBe(revision);
    await lookup('2001:db8::1');

    expect((await list()).body['keys']).toEqual([
      expect.objectContaining({ boundFrom: '192.0.2.7', lastUsedFrom: '2001:db8::1', lastUsedAt: clock.now }),
    ]);
  });

  test('never says that a principal is good for longer than the binding', async () => {
    const { bound, lookup, clock } = given();
    await bound();
    clock.now = start + 11.5 * hour;

    const { body } = await lookup();

    expect(body).toMatchObject({ principal: { expiresAt: (start + 12 * hour) / 1000 } });
  });

  test.each(['', 'SHA256:x', 'MD5:00', `${fingerprint}=`])('that is %p is refused', async which => {
    expect((await given().lookup(undefined, which)).status).toBe(400);
  });
});

describe('a list of keys', () => {
  test('holds one’s own, or everybody’s where policy permits it, and no tokens', async () => {
    const { bound, list } = given();
    await bound();

    const own = await list(claims({ groups: [] }));
    const all = await list(claims({ sub: 'u-1' }));

    expect(own).toMatchObject({ status: 200, body: { truncated: false, keys: [{ fingerprint }] } });
    expect(all.body).toEqual(own.body);
    expect((await list(claims({ sub: 'u-1', groups: [] }))).body['keys']).toEqual([]);
    expect(JSON.stringify(all.body)).not.toMatch(/r0|refreshToken/);
  });

  test('of an agent holds nothing of the person it acts for', async () => {
    const { bound, list } = given();
    await bound();

    expect((await list(claims({ groups: [], act: { sub: 'bot' } }))).body['keys']).toEqual([]);
  });
});

describe('revoking a key', () => {
  const stranger = claims({ sub: 'u-1', groups: [] });

  test.each([
    ['as OpenSSH prints it', fingerprint],
    ['as a path can hold it', fingerprintInPath(fingerprint)],
  ])('that is written %s ends it', async (_, which) => {
    const { bound, revoke, lookup } = given();
    await bound();

    expect(await revoke(which, claims({ groups: [] }))).toMatchObject({
      status: 200,
      body: { fingerprint, principal: { subject: 'u-op', name: 'op@example.com' } },
    });
    expect((await lookup()).status).toBe(404);
  });

  test('of somebody else needs policy, and without it says no more than of a key that is not there', async () => {
    const { bound, revoke, lookup } = given();
    await bound();

    const refused = await revoke(fingerprint, stranger);
    const missing = await revoke(fingerprint.replace('SHA256:', 'SHA256:A').slice(0, 50), stranger);

    expect(refused).toMatchObject({ status: 404, body: { code: 'notFound' } });
    expect(missing.body).toEqual(refused.body);
    expect((await lookup()).status).toBe(200);
    expect((await revoke(fingerprint, claims({ sub: 'u-1' }))).status).toBe(200);
    expect((await lookup()).status).toBe(404);
  });
});

test('keys are bound and looked up by gateways alone, listed and revoked by people alone', async () => {
  const { handler, bound } = given();
  await bound();

  for (const sent of [
    event('POST /v1/keys', { ...signedIn(claims()), body: JSON.stringify({ loginId, publicKey }) }),
    event('POST /v1/keys/lookup', { ...signedIn(claims()), body: JSON.stringify({ fingerprint }) }),
    event('GET /v1/keys', { authorizer: gateway }),
    event('DELETE /v1/keys/{fingerprint}', { authorizer: gateway, pathParameters: { fingerprint } }),
  ]) {
    expect((await call(handler, sent)).status).toBe(401);
  }
});
