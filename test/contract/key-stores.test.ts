import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type KeyBinding, KeyStore } from '#lib/aws/key-store.ts';
import { type DoneLogin, LoginStore, type PendingLogin } from '#lib/aws/login-store.ts';
import { fingerprintOf } from '#lib/ssh/fingerprint.ts';
import { dev, start } from '../unit/functions/fixtures.ts';
import { startTables } from './tables.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let time = start;
const now = () => time;

beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.stop());
beforeEach(() => {
  time = start;
});

let count = 0;
const text = () => String(count++).padStart(43, 'x');
const table = () => tables.table('access');

describe('a sign-in', () => {
  const store = () => new LoginStore({ table: table(), now });
  const pending = (): PendingLogin => ({
    ...{ id: text(), purpose: 'key', from: '192.0.2.1', state: 'pending', deviceCode: 'code' },
    ...{ intervalMs: 5_000, nextPollAt: start, failures: 0, notAfter: start + 600_000, revision: 0 },
  });
  const done = (login: PendingLogin): DoneLogin => ({
    ...{ id: login.id, purpose: 'key', from: login.from, state: 'done', principal: dev },
    ...{ refreshToken: 'refresh', notAfter: start + 60_000, revision: login.revision + 1 },
  });

  test('is kept as it is, under an id that is new', async () => {
    const login = pending();
    await store().put(login);

    expect(await store().find(login.id)).toEqual(login);
    await expect(store().put(login)).rejects.toMatchObject({ code: 'internal' });
    expect(await store().find(text())).toBeUndefined();
  });

  test('is changed and removed only as it was read', async () => {
    const login = pending();
    await store().put(login);
    const next = { ...login, revision: 1, nextPollAt: start + 5_000 };

    expect(await store().replace(next, login)).toBe(true);
    expect(await store().replace({ ...next, intervalMs: 1 }, login)).toBe(false);
    await store().remove(login);
    expect(await store().find(login.id)).toEqual(next);
    await store().remove(next);
    expect(await store().find(login.id)).toBeUndefined();
    expect(await store().replace(next, next)).toBe(false);
  });

  test('that is done is taken by one of many, and none that is pending or over', async () => {
    const login = pending();
    await store().put(login);
    expect(await store().takeDone(login.id)).toBeUndefined();
    await store().replace(done(login), login);

    const taken = await Promise.all(Array.from({ length: 8 }, () => store().takeDone(login.id)));

    expect(taken.filter(each => each !== undefined)).toEqual([done(login)]);
    await store().put(login);
    await store().replace(done(login), login);
    time = start + 60_000;
    expect(await store().takeDone(login.id)).toBeUndefined();
  });
});

describe('a binding', () => {
  const store = () => new KeyStore({ table: table(), now });
  const binding = (more: Partial<KeyBinding> = {}): KeyBinding => ({
    ...{ fingerprint: fingerprintOf(Buffer.from(text())), keyType: 'ssh-ed25519', principal: dev },
    ...{ refreshToken: 'refresh', boundAt: start, boundFrom: '192.0.2.1', endsAt: start + 3_600_000 },
    ...{ checkedAt: start, revision: 0 },
    ...more,
  });

  test('is kept for a key that is bound to nobody', async () => {
    const bound = binding();

    expect(await store().add(bound)).toBe(true);
    expect(await store().add({ ...bound, boundAt: start + 1 })).toBe(false);
    expect(await store().find(bound.fingerprint)).toEqual(bound);
  });

  test('that has ended is not found, though DynamoDB has not deleted it, and makes room', async () => {
    const bound = binding();
    await store().add(bound);
    time = bound.endsAt;

    expect(await store().find(bound.fingerprint)).toBeUndefined();
    expect((await store().list(() => true)).bindings).toEqual([]);
    expect(await store().add({ ...bound, boundAt: time, endsAt: time + 1 })).toBe(true);
  });

  test('is changed only as it was read, and not when it was made anew', async () => {
    const bound = binding();
    await store().add(bound);
    const next = { ...bound, revision: 1, checkedAt: start + 1 };

    expect(await store().replace(next, bound)).toBe(true);
    expect(await store().replace(next, bound)).toBe(false);
    await store().remove(next);
    expect(await store().replace(next, next)).toBe(false);
    const anew = { ...bound, boundAt: start + 1, revision: 1 };
    await store().add(anew);
    expect(await store().replace(next, next)).toBe(false);
    await store().remove(next);
    expect(await store().find(bound.fingerprint)).toEqual(anew);
  });

  test('is listed, newest first, from all partitions', async () => {
    const wanted = { ...dev, subject: text() };
    const all = Array.from({ length: 30 }, (_, at) => binding({ principal: wanted, boundAt: start + at }));
    for (const each of all) await store().add(each);
    await store().add(binding());

    const { bindings, truncated } = await store().list(
      ({ principal }) => principal.subject === wanted.subject,
    );

    expect(bindings).toEqual(all.toReversed());
    expect(truncated).toBe(false);
  });

  test('that is damaged lets nobody in', async () => {
    const bound = binding();
    await store().add(bound);
    await store().replace({ ...bound, principal: { ...dev, kind: 'root' as never } }, bound);

    await expect(store().find(bound.fingerprint)).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
  });
});
