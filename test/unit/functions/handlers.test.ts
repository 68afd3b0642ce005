import { describe, expect, test } from '@jest/globals';
import { makeAuthorize } from '#functions/authorize.ts';
import type { HttpHandler } from '#functions/middleware/router.ts';
import { makeHandler as makeLookup } from '#functions/policy-lookup/lookup.ts';
import { makeHandler as makeSessions } from '#functions/sessions/sessions.ts';
import { makeHandler as makeTickets } from '#functions/tickets/tickets.ts';
import type { AccessGrant, Lock, LockSubject, StoredTicket } from '#lib/aws/access-records.ts';
import { lookupAnswerSchema } from '#lib/aws/control-api.ts';
import type { KillOrder, LiveSession } from '#lib/aws/live-sessions.ts';
import { hashTicket } from '#lib/identity/ticket.ts';
import { parseSnapshot } from '#lib/policy/snapshot.ts';
import { call, claims, dev, event, gateway, issuer, signedIn, snapshot, start } from './fixtures.ts';

const now = () => start;
const published = snapshot();
const policy = { current: async () => published };
const operator = { issuer, subject: 'u-op', name: 'op@example.com' };
const lock = (locks: LockSubject): Lock => ({ locks, reason: 'gone', by: operator, createdAt: start });
const grant = (id: string): AccessGrant => ({
  id,
  principal: { issuer, subject: 'u-dev' },
  target: 'shop',
  reason: 'INC-1',
  approvedBy: [operator],
  createdAt: start,
  notAfter: start + 1,
});

describe('a look-up', () => {
  const given = (locks: Lock[] = [], grants: AccessGrant[] = []) =>
    makeLookup({ policy, access: { locks: async () => locks, grants: async () => grants }, now });
  const look = (handler: HttpHandler, body: unknown) =>
    call(handler, event('POST /v1/lookup', { authorizer: gateway, body: JSON.stringify(body) }));

  test('brings the snapshot once, and from then on only says that it is the same', async () => {
    const first = await look(given(), { principal: dev, target: 'shop' });
    const second = await look(given(), { principal: dev, target: 'shop', known: published.version });

    expect(first.status).toBe(200);
    const answer = lookupAnswerSchema.parse(first.body);
    expect(parseSnapshot(answer.snapshot)).toEqual(published);
    expect(answer).toMatchObject({ version: published.version, issuedAt: start, maxAgeMs: 60_000 });
    expect(second.body).not.toHaveProperty('snapshot');
  });

  test('brings the locks that concern the principal and the target, and for nobody in particular all', async () => {
    const mine = lock({ kind: 'principal', issuer, subject: 'u-dev' });
    const target = lock({ kind: 'target', target: 'shop' });
    const others = [
      lock({ kind: 'principal', issuer: 'https://other.example', subject: 'u-dev' }),
      lock({ kind: 'target', target: 'hr' }),
    ];
    const handler = given([mine, target, ...others]);

    const forDev = await look(handler, { principal: dev, target: 'shop' });
    const forAll = await look(handler, { principal: null, target: null });

    expect(forDev.body['locks']).toEqual([mine, target]);
    expect(forAll.body['locks']).toHaveLength(4);
    expect(forAll.body['grants']).toEqual([]);
  });

  test('stops an agent by a lock on the one on whose behalf it acts', async () => {
    const mine = lock({ kind: 'principal', issuer, subject: 'u-dev' });
    const agent = { issuer, subject: 'bot', onBehalfOf: { subject: 'u-dev' } };

    const { body } = await look(given([mine]), { principal: agent, target: 'shop' });

    expect(body['locks']).toEqual([mine]);
  });

  test('leaves out a grant that is locked', async () => {
    const handler = given([lock({ kind: 'grant', grantId: 'g-1' })], [grant('g-1'), grant('g-2')]);

    const { body } = await look(handler, { principal: dev, target: 'shop' });

    expect(body['grants']).toEqual([grant('g-2')]);
  });

  test.each([
    {},
    { principal: dev },
    { principal: { ...dev, issuer: 'a#b' }, target: 'shop' },
    { principal: dev, target: 'Shop#1' },
    { principal: dev, target: 'shop', known: 'latest' },
    [],
    null,
  ])('that asks %j is refused', async body => {
    expect((await look(given(), body)).status).toBe(400);
  });

  test('needs a signature', async () => {
    const sent = event('POST /v1/lookup', { ...signedIn(claims()), body: '{}' });

    expect((await call(given(), sent)).status).toBe(401);
  });
});

describe('tickets', () => {
  function given(locks: Lock[] = []) {
    const stored = new Map<string, StoredTicket>();
    const handler = makeTickets({
      access: {
        putTicket: async (hash, ticket) => void stored.set(hash, ticket),
        redeemTicket: async (hash, target) => {
          const ticket = stored.get(hash);
          if (!ticket) return { outcome: 'unknown' };
          if (ticket.target !== target) return { outcome: 'wrongTarget' };
          stored.delete(hash);
          return { outcome: 'redeemed', ticket };
        },
      },
      policy,
      authorize: makeAuthorize({ policy, access: { locks: async () => locks }, now }),
      now,
      random: length => new Uint8Array(length).fill(7),
    });
    const create = (body: unknown, as = claims()) =>
      call(handler, event('POST /v1/tickets', { ...signedIn(as), body: JSON.stringify(body) }));
    const redeem = (body: unknown) =>
      call(handler, event('POST /v1/tickets/redeem', { authorizer: gateway, body: JSON.stringify(body) }));
    return { handler, stored, create, redeem };
  }

  test('carry their maker to the target once', async () => {
    const { create, redeem } = given();

    const made = await create({ target: 'shop' });
    const ticket = made.body['ticket'];

    expect(made).toMatchObject({ status: 201, body: { expiresAt: start + 300_000 } });
    expect(await redeem({ ticket, target: 'shop' })).toMatchObject({
      status: 200,
      body: { principal: { ...operator, kind: 'human', groups: ['operators'] } },
    });
    expect(await redeem({ ticket, target: 'shop' })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
  });

  test('are kept by their hash alone', async () => {
    const { create, stored } = given();

    const ticket = String((await create({ target: 'shop' })).body['ticket']);

    expect([...stored.keys()]).toEqual([hashTicket(ticket)]);
    expect(JSON.stringify([...stored])).not.toContain(ticket.slice(7));
  });

  test('for another target are refused and stay good', async () => {
    const { create, redeem } = given();
    const ticket = (await create({ target: 'shop' })).body['ticket'];

    expect(await redeem({ ticket, target: 'hr' })).toMatchObject({
      status: 409,
      body: { code: 'wrongTarget' },
    });
    expect((await redeem({ ticket, target: 'shop' })).status).toBe(200);
  });

  test('do not outlive the token that they were made with', async () => {
    const made = await given().create({ target: 'shop', ttlSeconds: 900 });

    expect(made.body['expiresAt']).toBe(start + 600_000);
  });

  test('are made only for targets that exist', async () => {
    for (const target of ['toString', 'nowhere']) {
      expect((await given().create({ target })).status).not.toBe(201);
    }
    expect(await given().create({ target: 'nowhere' })).toMatchObject({ status: 404 });
  });

  test('are made only for those to whom policy permits it', async () => {
    expect(await given().create({ target: 'shop' }, claims({ groups: ['developers'] }))).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });

  test('are not made for somebody who is locked out, or for an agent of theirs', async () => {
    const { create } = given([lock({ kind: 'principal', issuer, subject: 'u-op' })]);

    expect((await create({ target: 'shop' })).status).toBe(403);
    expect((await create({ target: 'shop' }, claims({ act: { sub: 'bot' } }))).status).toBe(403);
    expect((await create({ target: 'shop' }, claims({ sub: 'u-other' }))).status).toBe(201);
  });

  test.each([{ ttlSeconds: 0 }, { ttlSeconds: 901 }, { ttlSeconds: 1.5 }, { principal: dev }, { target: 1 }])(
    'are not made with %j',
    async more => {
      expect((await given().create({ target: 'shop', ...more })).status).toBe(400);
    },
  );

  test('that are none are refused without a look at the table', async () => {
    expect((await given().redeem({ ticket: 'sp_tkt_x', target: 'shop' })).status).toBe(401);
  });

  test('are redeemed by gateways alone', async () => {
    const { handler, create } = given();
    const { ticket } = (await create({ target: 'shop' })).body;
    const body = JSON.stringify({ ticket, target: 'shop' });

    const asPerson = event('POST /v1/tickets/redeem', { ...signedIn(claims()), body });

    expect((await call(handler, asPerson)).status).toBe(401);
  });
});

describe('live sessions', () => {
  const session: LiveSession = {
    id: 's-1',
    taskId: 't-1',
    principal: dev,
    target: 'shop',
    protocol: 'postgres',
    sourceAddress: '192.0.2.1',
    startedAt: start,
    policyVersion: published.version,
  };

  function given() {
    const orders: (Omit<KillOrder, 'sessionId'> & { id: string; taskId: string })[] = [];
    const handler = makeSessions({
      sessions: {
        list: async () => ({ sessions: [session], truncated: false }),
        find: async id => (id === session.id ? { session, heardFrom: true } : undefined),
        orderKill: async ({ id, taskId }, order) => void orders.push({ id, taskId, ...order }),
      },
      authorize: makeAuthorize({ policy, access: { locks: async () => [] }, now }),
      now,
    });
    return { orders, handler };
  }
  const kill = (id: string, body: unknown, as = claims()) =>
    event('POST /v1/sessions/{id}/kill', {
      ...signedIn(as),
      pathParameters: { id },
      body: JSON.stringify(body),
    });

  test('are listed for those who may see them', async () => {
    const { handler } = given();

    expect(await call(handler, event('GET /v1/sessions', signedIn(claims())))).toMatchObject({
      status: 200,
      body: { sessions: [session], truncated: false },
    });
    expect(await call(handler, event('GET /v1/sessions', signedIn(claims({ groups: [] }))))).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });

  test('end by an order that says who wants it and why', async () => {
    const { handler, orders } = given();

    const answer = await call(handler, kill('s-1', { reason: ' on fire ' }));

    expect(answer).toMatchObject({ status: 202, body: { state: 'ordered', heardFrom: true } });
    expect(orders).toEqual([{ id: 's-1', taskId: 't-1', reason: 'on fire', by: operator, at: start }]);
  });

  test.each([
    ['without the right', kill('s-1', { reason: 'x' }, claims({ groups: ['developers'] })), 403],
    ['without a reason', kill('s-1', {}), 400],
    ['with an empty reason', kill('s-1', { reason: '  ' }), 400],
    ['with a reason of 1,001 characters', kill('s-1', { reason: 'x'.repeat(1_001) }), 400],
    ['with a reason that drives a terminal', kill('s-1', { reason: 'x\x1b[2J' }), 400],
    ['with a reason of two lines', kill('s-1', { reason: 'x\nFATAL:  y' }), 400],
    ['with a reason that parts its lines otherwise', kill('s-1', { reason: 'x\u2028y' }), 400],
    ['with a reason that turns its direction', kill('s-1', { reason: 'x\u202ey' }), 400],
    ['that are not there', kill('s-2', { reason: 'x' }), 404],
    ['with an id that cannot be', kill('a#b', { reason: 'x' }), 404],
  ])('%s are not ended', async (_, sent, status) => {
    const { handler, orders } = given();

    expect((await call(handler, sent)).status).toBe(status);
    expect(orders).toEqual([]);
  });
});
