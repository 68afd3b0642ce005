import { describe, expect, test } from '@jest/globals';
import { makeHandler } from '#functions/logins/logins.ts';
import { bindWithinMs } from '#functions/logins/poll.ts';
import { loginAnswerSchema } from '#lib/aws/control-api.ts';
import type { StoredLogin } from '#lib/aws/login-store.ts';
import { SallyportError } from '#lib/errors.ts';
import type { TokenAnswer } from '#lib/identity/authorization-server.ts';
import { call, dev, event, gateway, start } from './fixtures.ts';

const tokens: TokenAnswer = { kind: 'tokens', accessToken: 'access', refreshToken: 'refresh' };
const refusal = (error: string): TokenAnswer => ({ kind: 'error', error });
const away = () => new SallyportError('controlPlaneUnavailable', 'away');

/** The function over a table in memory and a provider that answers one thing after the other, the last for ever. */
function given(answers: (TokenAnswer | Error)[] = [refusal('authorization_pending')]) {
  const stored = new Map<string, StoredLogin>();
  const clock = { now: start };
  const asked: number[] = [];
  const scopes: string[] = [];
  const logged: unknown[] = [];
  const verify = { answer: async () => dev };
  const during = { ask: async () => {} };
  const handler = makeHandler({
    logins: {
      put: async login => void stored.set(login.id, login),
      find: async id => stored.get(id),
      replace: async (login, was) => {
        if (stored.get(login.id)?.revision !== was.revision) return false;
        stored.set(login.id, login);
        return true;
      },
      remove: async was => {
        if (stored.get(was.id)?.revision === was.revision) stored.delete(was.id);
      },
    },
    provider: {
      authorizeDevice: async scope => {
        scopes.push(scope);
        return {
          deviceCode: 'device-code',
          userCode: 'BCDF-GHJK',
          verificationUri: 'https://id.example/device',
          verificationUriComplete: 'https://id.example/device?user_code=BCDF-GHJK',
          expiresInMs: 600_000,
          intervalMs: 5_000,
        };
      },
      redeemDeviceCode: async () => {
        const answer = answers[Math.min(asked.push(clock.now - start), answers.length) - 1];
        await during.ask();
        if (answer === undefined || answer instanceof Error) throw answer;
        return answer;
      },
    },
    verify: () => verify.answer(),
    scopes: { session: 'openid', key: 'openid offline_access' },
    now: () => clock.now,
    log: line => void logged.push(line),
    random: length => new Uint8Array(length).fill(7),
  });
  const begin = (body: unknown = { from: '192.0.2.7' }) =>
    call(handler, event('POST /v1/logins', { authorizer: gateway, body: JSON.stringify(body) }));
  const poll = (id: unknown) =>
    call(handler, event('POST /v1/logins/{id}', { authorizer: gateway, pathParameters: { id: String(id) } }));
  const begun = async (body?: unknown) => String((await begin(body)).body['id']);
  return { handler, begin, begun, poll, stored, clock, asked, scopes, verify, during, logged };
}

describe('a sign-in', () => {
  test('begins with a code to compare and a link, and without the device code', async () => {
    const { begin, scopes } = given();

    const { status, body } = await begin();

    expect(status).toBe(201);
    expect(loginAnswerSchema.parse(body)).toEqual({
      id: Buffer.alloc(32, 7).toString('base64url'),
      userCode: 'BCDF-GHJK',
      verificationUri: 'https://id.example/device',
      verificationUriComplete: 'https://id.example/device?user_code=BCDF-GHJK',
      expiresAt: start + 600_000,
      intervalMs: 5_000,
    });
    expect(JSON.stringify(body)).not.toContain('device-code');
    expect(scopes).toEqual(['openid offline_access']);
  });

  test('for this once asks for no refresh token, and keeps nothing when it is done', async () => {
    const { begun, poll, scopes, stored } = given([tokens]);
    const id = await begun({ from: '192.0.2.7', purpose: 'session' });

    expect(await poll(id)).toMatchObject({ status: 200, body: { state: 'done', principal: dev } });

    expect(scopes).toEqual(['openid']);
    expect([...stored]).toEqual([]);
  });

  test('is done once, and keeps for a minute only what its binding needs', async () => {
    const { begun, poll, stored, clock } = given([refusal('authorization_pending'), tokens]);
    const id = await begun();

    expect((await poll(id)).body).toEqual({ state: 'pending', intervalMs: 5_000 });
    clock.now += 5_000;
    expect((await poll(id)).body).toEqual({ state: 'done', principal: dev });

    expect(await poll(id)).toMatchObject({ status: 404, body: { code: 'notFound' } });
    expect([...stored.values()]).toEqual([
      {
        ...{ id, purpose: 'key', from: '192.0.2.7', state: 'done', principal: dev, refreshToken: 'refresh' },
        notAfter: clock.now + bindWithinMs,
        revision: expect.any(Number),
      },
    ]);
  });

  test('is not asked about more often than the provider wants, however often the gateway asks', async () => {
    const { begun, poll, clock, asked } = given();
    const id = await begun();

    for (let second = 0; second < 16; second++) {
      expect((await poll(id)).body).toEqual({ state: 'pending', intervalMs: 5_000 });
      clock.now += 1_000;
    }

    expect(asked).toEqual([0, 5_000, 10_000, 15_000]);
  });

  test('is asked about five seconds less often each time the provider says slow_down', async () => {
    const { begun, poll, clock, asked } = given([
      refusal('slow_down'),
      refusal('authorization_pending'),
      refusal('slow_down'),
      refusal('authorization_pending'),
    ]);
    const id = await begun();

    expect((await poll(id)).body).toEqual({ state: 'pending', intervalMs: 10_000 });
    for (let second = 0; second < 60; second++) {
      clock.now += 1_000;
      await poll(id);
    }

    expect(asked).toEqual([0, 10_000, 20_000, 35_000, 50_000]);
  });

  test('outlasts a provider that is away, which is asked ever less often', async () => {
    const { begun, poll, clock, asked, logged } = given([away(), away(), away(), tokens]);
    const id = await begun();

    expect((await poll(id)).body).toEqual({ state: 'pending', intervalMs: 10_000 });
    let state: unknown;
    while (state !== 'done') {
      clock.now += 1_000;
      state = (await poll(id)).body['state'];
    }

    expect(asked).toEqual([0, 10_000, 30_000, 70_000]);
    expect(logged).toHaveLength(3);
  });

  test.each([
    ['access_denied', 'denied'],
    ['expired_token', 'expired'],
    ['invalid_grant', 'expired'],
  ])('of which the provider says %s is %s, and then forgotten', async (error, state) => {
    const { begun, poll, stored } = given([refusal(error)]);
    const id = await begun();

    expect(await poll(id)).toMatchObject({ status: 200, body: { state } });

    expect([...stored]).toEqual([]);
    expect((await poll(id)).status).toBe(404);
  });

  test('whose time is up has expired, and the provider is not asked', async () => {
    const { begun, poll, clock, asked } = given([tokens]);
    const id = await begun();
    clock.now += 600_000;

    expect((await poll(id)).body).toEqual({ state: 'expired' });

    expect(asked).toEqual([]);
    expect((await poll(id)).status).toBe(404);
  });

  test('is not to blame when the provider refuses our client', async () => {
    const { begun, poll } = given([refusal('invalid_client')]);

    expect(await poll(await begun())).toMatchObject({
      status: 503,
      body: { code: 'controlPlaneUnavailable' },
    });
  });

  test('that leads to a token that is not accepted is over, in the words of the verifier', async () => {
    const { begun, poll, verify, stored } = given([tokens]);
    verify.answer = async () => {
      throw new SallyportError('unauthenticated', 'The access token is meant for somebody else.');
    };

    expect(await poll(await begun())).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', title: 'The access token is meant for somebody else.' },
    });
    expect([...stored]).toEqual([]);
  });

  test('is done for one of two who ask at once', async () => {
    const { begun, poll, asked } = given([tokens]);
    const id = await begun();

    const states = await Promise.all([poll(id), poll(id)]);

    expect(states.map(({ body }) => body['state']).sort()).toEqual(['done', 'pending']);
    expect(asked).toHaveLength(1);
  });

  test('is done although somebody asked again while the provider took its time', async () => {
    const { begun, poll, clock, during, stored } = given([tokens, refusal('authorization_pending')]);
    const id = await begun();
    during.ask = async () => {
      during.ask = async () => {};
      clock.now += 6_000;
      expect((await poll(id)).body['state']).toBe('pending');
    };

    expect((await poll(id)).body['state']).toBe('done');

    expect(stored.get(id)?.state).toBe('done');
  });

  test.each([
    {},
    { from: 'localhost' },
    { from: '192.0.2.7\n' },
    { from: '192.0.2.7', purpose: 'admin' },
    { from: '192.0.2.7', scope: 'x' },
  ])('does not begin with %j', async body => {
    expect((await given().begin(body)).status).toBe(400);
  });

  test.each(['', 'x', 'a#b', '../keys', 'A'.repeat(43)])('has never the id %p', async id => {
    expect((await given().poll(id)).status).toBe(404);
  });

  test('is for gateways alone', async () => {
    const { handler, begun } = given();
    const id = await begun();

    for (const sent of [
      event('POST /v1/logins', { body: '{"from":"192.0.2.7"}' }),
      event('POST /v1/logins/{id}', { pathParameters: { id } }),
    ]) {
      expect((await call(handler, sent)).status).toBe(401);
    }
  });
});
