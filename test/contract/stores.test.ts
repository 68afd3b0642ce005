import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccessGrant, Lock } from '#lib/aws/access-records.ts';
import { AccessStore } from '#lib/aws/access-store.ts';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { type LiveSession, LiveSessions, leaseMs } from '#lib/aws/live-sessions.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';
import { hashTicket, makeTicket } from '#lib/identity/ticket.ts';
import { contradiction } from '#lib/identity/user-name.ts';
import { dev, issuer, snapshot, start } from '../unit/functions/fixtures.ts';
import { startTables } from './tables.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let now = start;
const clock = () => now;
const unavailable = { name: 'SallyportError', code: 'controlPlaneUnavailable' };
const by = { issuer, subject: 'u-op', name: 'op@example.com' };

beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.stop());
beforeEach(() => {
  now = start;
});

describe('a ticket', () => {
  async function given() {
    const store = new AccessStore({ table: tables.table('access'), now: clock });
    const hash = hashTicket(makeTicket());
    const ticket = { principal: dev, target: 'shop', createdAt: start, notAfter: start + 60_000 };
    await store.putTicket(hash, ticket);
    return { store, hash, ticket };
  }

  test('that fifty redeem at once is redeemed by one', async () => {
    const { store, hash, ticket } = await given();

    const outcomes = await Promise.all(Array.from({ length: 50 }, () => store.redeemTicket(hash, 'shop')));

    const winners = outcomes.filter(({ outcome }) => outcome === 'redeemed');
    expect(winners).toEqual([{ outcome: 'redeemed', ticket }]);
    expect(outcomes.filter(({ outcome }) => outcome === 'unknown')).toHaveLength(49);
  });

  test('is good until the last millisecond, though DynamoDB has yet to delete it', async () => {
    const { store, hash } = await given();

    now = start + 60_000;
    await expect(store.redeemTicket(hash, 'shop')).resolves.toEqual({ outcome: 'unknown' });

    now = start + 59_999;
    await expect(store.redeemTicket(hash, 'shop')).resolves.toMatchObject({ outcome: 'redeemed' });
  });

  test('for another target is refused and not used up', async () => {
    const { store, hash } = await given();

    await expect(store.redeemTicket(hash, 'hr')).resolves.toEqual({ outcome: 'wrongTarget' });
    await expect(store.redeemTicket(hash, 'shop')).resolves.toMatchObject({ outcome: 'redeemed' });
  });

  test('that has expired does not tell which target it was for', async () => {
    const { store, hash } = await given();
    now = start + 60_000;

    await expect(store.redeemTicket(hash, 'hr')).resolves.toEqual({ outcome: 'unknown' });
  });

  test('makes nobody but its owner: another user name contradicts it', async () => {
    const { store, hash } = await given();

    const redemption = await store.redeemTicket(hash, 'shop');

    const principal = redemption.outcome === 'redeemed' ? redemption.ticket.principal : undefined;
    expect(principal).toEqual(dev);
    expect(contradiction('dba', dev)).toBeDefined();
  });

  test('is never written over another', async () => {
    const { store, hash, ticket } = await given();

    await expect(store.putTicket(hash, { ...ticket, target: 'hr' })).rejects.toMatchObject({
      code: 'internal',
    });
    await expect(store.redeemTicket(hash, 'shop')).resolves.toMatchObject({ outcome: 'redeemed' });
  });
});

describe('grants and locks', () => {
  const grant = (id: string, more: Partial<AccessGrant> = {}): AccessGrant => ({
    id,
    principal: { issuer, subject: 'u-dev' },
    target: 'shop',
    reason: 'INC-1',
    approvedBy: [by],
    createdAt: start,
    notAfter: start + 1_500,
    ...more,
  });

  test('a grant holds for its principal and target, until it ends', async () => {
    const store = new AccessStore({ table: tables.table('access'), now: clock });
    const [mine, other] = [grant('g-1'), grant('g-2', { target: 'hr' })];
    const longer = grant('g-3', { target: 'shop-archive' });
    const foreign = grant('g-1', { principal: { issuer, subject: 'u-dev-2' } });
    for (const each of [mine, other, longer, foreign]) expect(await store.putGrant(each)).toBe(true);
    expect(await store.putGrant(grant('g-1', { reason: 'again' }))).toBe(false);

    expect(await store.grants(mine.principal, 'shop')).toEqual([mine]);
    expect(await store.grants(mine.principal)).toEqual([other, longer, mine].sort(bySortKey));
    now = start + 1_500;
    expect(await store.grants(mine.principal)).toEqual([]);
    now = start;
    await store.deleteGrant(mine);
    expect(await store.grants(mine.principal, 'shop')).toEqual([]);
  });

  const bySortKey = (a: AccessGrant, b: AccessGrant) =>
    `${a.target}#${a.id}` < `${b.target}#${b.id}` ? -1 : 1;

  test('locks hold until they end or are lifted', async () => {
    const store = new AccessStore({ table: tables.table('access'), now: clock });
    const forever: Lock = {
      locks: { kind: 'principal', issuer, subject: 'u-dev' },
      reason: 'left',
      by,
      createdAt: start,
    };
    const brief: Lock = {
      ...forever,
      locks: { kind: 'target', target: 'shop' },
      notAfter: start + 500,
    };
    await store.putLock(forever);
    await store.putLock(brief);

    expect(await store.locks()).toEqual([forever, brief]);
    now = start + 500;
    expect(await store.locks()).toEqual([forever]);
    await store.deleteLock(forever.locks);
    expect(await store.locks()).toEqual([]);
  });

  test('a damaged lock is not passed over', async () => {
    const table = tables.table('access');
    const key = { pk: 'locks', sk: 'target#broken' };
    await table.put({ ...key, locks: { kind: 'everything' } });

    try {
      await expect(new AccessStore({ table, now: clock }).locks()).rejects.toMatchObject(unavailable);
    } finally {
      await table.delete(key);
    }
  });
});

describe('a policy snapshot', () => {
  /** More than two chunks of policy. */
  const large = (word: string) => snapshot(word, 11);

  beforeEach(async () => {
    await tables.table('policy').delete({ pk: 'current', sk: 'current' });
  });

  const store = () => new PolicyStore({ table: tables.table('policy'), now: clock });
  const publish = (word: string, expected?: string | null) =>
    store().publish(large(word), { publishedBy: 'ci', ...(expected !== undefined && { expected }) });

  test('is read back as it was published, in several chunks', async () => {
    const published = await publish('one');

    expect(published).toMatchObject({ outcome: 'published', pointer: { revision: 1, publishedBy: 'ci' } });
    expect(published.outcome === 'published' && published.pointer.chunks).toBeGreaterThan(2);
    await expect(store().current()).resolves.toEqual(large('one'));
  });

  test('is absent until one is published', async () => {
    await expect(store().pointer()).resolves.toBeUndefined();
    await expect(store().current()).rejects.toMatchObject(unavailable);
  });

  test('that is in force already is not published again', async () => {
    await publish('one');

    await expect(publish('one')).resolves.toMatchObject({ outcome: 'unchanged', pointer: { revision: 1 } });
  });

  test('that many publish at once is published by one', async () => {
    await publish('zero');
    const before = (await store().pointer())?.version ?? '';

    const outcomes = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(word => publish(word, before)));

    expect(outcomes.filter(({ outcome }) => outcome === 'published')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(4);
    await expect(store().pointer()).resolves.toMatchObject({ revision: 2 });
  });

  test('is not published over another than was expected', async () => {
    await publish('one');

    await expect(publish('two', null)).resolves.toMatchObject({ outcome: 'conflict' });
    await expect(publish('two', large('three').version)).resolves.toMatchObject({ outcome: 'conflict' });
    await expect(store().current()).resolves.toEqual(large('one'));
  });

  test('stays in force when the next one could not be written whole', async () => {
    await publish('one');
    let puts = 0;
    class DyingTable extends DynamoTable {
      override put(...args: Parameters<DynamoTable['put']>) {
        if (++puts === 2) throw new Error('the publisher dies here');
        return super.put(...args);
      }
    }
    const dying = new DyingTable(tables.client, tables.table('policy').name);

    await expect(
      new PolicyStore({ table: dying, now: clock }).publish(large('two'), { publishedBy: 'ci' }),
    ).rejects.toThrow('the publisher dies here');

    await expect(store().current()).resolves.toEqual(large('one'));
  });

  test.each([
    ['that moved ahead of its chunks', { delete: 1 }],
    ['whose chunk has another byte', { change: 0 }],
    ['whose chunks are swapped', { swap: [0, 1] }],
  ] as const)('%s is refused, not read in part', async (_, damage) => {
    const { version } = large('one');
    await publish('one');
    const table = tables.table('policy');
    const key = (index: number) => ({ pk: `snapshot#${version}`, sk: `chunk#000${index}` });
    const bytes = async (index: number) => (await table.get(key(index)))?.['bytes'] as Uint8Array;
    const [first, second] = [await bytes(0), await bytes(1)];
    if ('delete' in damage) await table.delete(key(damage.delete));
    if ('change' in damage) {
      await table.put({ ...key(0), bytes: Buffer.from(first).fill('x', 700, 701) });
    }
    if ('swap' in damage) {
      await table.put({ ...key(0), bytes: second });
      await table.put({ ...key(1), bytes: first });
    }

    await expect(store().current()).rejects.toMatchObject(unavailable);
    // Whoever publishes it anew repairs it.
    await table.delete({ pk: 'current', sk: 'current' });
    await publish('one');
    await expect(store().current()).resolves.toEqual(large('one'));
  });

  test('in the place of another is refused, sound as it is', async () => {
    const [named, other] = [snapshot('named'), snapshot('other')];
    await store().publish(named, { publishedBy: 'ci' });
    await tables.table('policy').put({
      pk: `snapshot#${named.version}`,
      sk: 'chunk#0000',
      bytes: Buffer.from(JSON.stringify(other)),
    });

    await expect(store().current()).rejects.toMatchObject(unavailable);
  });

  test('that a reader holds is not read again', async () => {
    await publish('one');
    const reader = store();
    const first = await reader.current();

    await expect(reader.current()).resolves.toBe(first);
    await publish('two');
    await expect(reader.current()).resolves.toMatchObject({ version: large('two').version });
  });
});

describe('live sessions', () => {
  let count = 0;
  const session = (more: Partial<LiveSession> = {}): LiveSession => ({
    id: `s-${++count}`,
    taskId: `t-${count}`,
    principal: dev,
    target: 'shop',
    protocol: 'postgres',
    sourceAddress: '192.0.2.1',
    startedAt: start,
    policyVersion: snapshot().version,
    ...more,
  });
  const store = () => new LiveSessions({ table: tables.table('sessions'), now: clock });
  const order = { reason: 'on fire', by, at: start };

  test('are listed in order while their task lives, and no longer', async () => {
    const live = store();
    const taskId = 't-list';
    const opened = [3, 1, 2].map(offset => session({ taskId, startedAt: start + offset }));
    await live.renewLease(taskId);
    for (const each of opened) await live.open(each);
    await live.open(session({ taskId: 't-never-seen' }));

    const [third, first, second] = opened;
    expect(await live.list()).toEqual({ sessions: [first, second, third], truncated: false });

    await live.close(opened[0] ?? session());
    expect((await live.list()).sessions).toEqual([first, second]);

    now += leaseMs;
    expect((await live.list()).sessions).toEqual([]);
    await live.renewLease(taskId);
    expect((await live.list()).sessions).toHaveLength(2);
    await live.endLease(taskId);
    expect((await live.list()).sessions).toEqual([]);
  });

  test('begin once: the id of one is never given to another', async () => {
    const live = store();
    const mine = session();
    await live.open(mine);

    await expect(live.open({ ...mine, taskId: 't-other' })).rejects.toMatchObject({ code: 'internal' });
    await live.close({ id: mine.id, taskId: 't-other' });

    expect((await live.find(mine.id))?.session).toEqual(mine);
  });

  test('are found by id, with whether their task was heard from', async () => {
    const live = store();
    const mine = session();
    await live.open(mine);

    expect(await live.find(mine.id)).toEqual({ session: mine, heardFrom: false });
    await live.renewLease(mine.taskId);
    expect(await live.find(mine.id)).toEqual({ session: mine, heardFrom: true });
    await live.close(mine);
    expect(await live.find(mine.id)).toBeUndefined();
  });

  test('are killed through the mailbox of their task, once', async () => {
    const live = store();
    const [mine, other] = [session(), session()];
    await live.open(mine);
    await live.orderKill(mine, order);
    await live.orderKill(mine, { ...order, reason: 'me too' });
    await live.orderKill(other, order);

    expect(await live.killOrders(mine.taskId)).toEqual([{ sessionId: mine.id, ...order }]);
    await live.settle(mine.taskId, mine.id);
    expect(await live.killOrders(mine.taskId)).toEqual([]);
    expect(await live.killOrders(other.taskId)).toHaveLength(1);
  });

  test('leave the order to kill them in the mailbox, for their task to settle', async () => {
    const live = store();
    const mine = session();
    await live.open(mine);
    await live.orderKill(mine, order);

    await live.close(mine);

    expect(await live.killOrders(mine.taskId)).toHaveLength(1);
  });

  test('are not killed by an order that nobody fetched in time, and can be ordered to end again', async () => {
    const live = store();
    const mine = session();
    await live.orderKill(mine, order);

    now += 10 * 60_000;
    expect(await live.killOrders(mine.taskId)).toEqual([]);

    await live.orderKill(mine, { ...order, at: now });
    expect(await live.killOrders(mine.taskId)).toEqual([{ sessionId: mine.id, ...order, at: now }]);
  });
});

test('a query brings every page: DynamoDB stops at one megabyte', async () => {
  const table = tables.table('access');
  const bytes = Buffer.alloc(300_000);
  const items = [0, 1, 2, 3, 4].map(index => ({ pk: 'pages', sk: `page#${index}`, bytes }));
  for (const item of [...items, { pk: 'pages', sk: 'other' }]) await table.put(item);

  const found: unknown[] = [];
  for await (const item of table.query('pages', 'page#')) found.push(item['sk']);

  expect(found).toEqual(items.map(({ sk }) => sk));
});

test('a table that is not there is unavailable, whatever is asked of it', async () => {
  const store = new AccessStore({ table: new DynamoTable(tables.client, 'test-nowhere'), now: clock });

  await expect(store.locks()).rejects.toMatchObject(unavailable);
  await expect(store.redeemTicket('x', 'shop')).rejects.toMatchObject(unavailable);
});
