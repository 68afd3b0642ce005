import { describe, expect, test } from '@jest/globals';
import type { Gate } from '#gateway/pipeline/gate.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { Registry, type RunningSession } from '#gateway/registry.ts';
import type { Lock } from '#lib/aws/access-records.ts';
import type { SallyportError } from '#lib/errors.ts';

const startedAt = 1_000_000;

interface Watched extends RunningSession {
  readonly ended: SallyportError[];
  readonly drained: SallyportError[];
  readonly cancelled: { count: number };
}

function session(id: string, grant: object = {}, lastActivity = startedAt): Watched {
  const ended: SallyportError[] = [];
  const drained: SallyportError[] = [];
  const cancelled = { count: 0 };
  return {
    protocol: 'postgres',
    startedAt,
    gate: { lastActivity } as unknown as Gate,
    grant: {
      sessionId: id,
      target: 'shop',
      identity: { issuer: 'i', subject: 's', onBehalfOf: { subject: 'boss', name: 'boss' } },
      decision: {},
      ...grant,
    } as unknown as Grant,
    relay: {
      done: Promise.resolve(undefined),
      cancelKey: `key-${id}`,
      end: reason => ended.push(reason),
      drain: reason => drained.push(reason),
      cancel: async () => {
        cancelled.count += 1;
      },
    },
    ended,
    drained,
    cancelled,
  };
}

function lock(locks: Lock['locks'], notAfter?: number): Lock {
  const by = { issuer: 'i', subject: 'a', name: 'auditor@shop.example' };
  return {
    locks,
    reason: 'stolen laptop',
    by,
    createdAt: 0,
    ...(notAfter === undefined ? {} : { notAfter }),
  };
}

describe('the registry', () => {
  test('ends the session that is named and no other', () => {
    const registry = new Registry(10);
    const [one, two] = [session('1'), session('2')];
    registry.add(one);
    registry.add(two);

    const found = registry.kill('1', 'dba@shop.example', 'wrong table');

    expect(found).toBe(true);
    expect(registry.kill('3', 'dba', 'x')).toBe(false);
    expect(one.ended.map(reason => reason.code)).toEqual(['killed']);
    expect(one.ended[0]?.detail).toContain('wrong table');
    expect(two.ended).toEqual([]);
  });

  test('a principal gets as many places as it may have, and gets them back once each', () => {
    const registry = new Registry(2);
    const giveBack = registry.takePlace('dev');
    registry.takePlace('dev');

    expect(() => registry.takePlace('dev')).toThrow(expect.objectContaining({ code: 'tooMany' }));
    registry.takePlace('dba');
    giveBack();
    giveBack();
    registry.takePlace('dev');
    expect(() => registry.takePlace('dev')).toThrow(expect.objectContaining({ code: 'tooMany' }));
  });

  test('idle and absolute limits of policy end a session, and only past them', () => {
    const registry = new Registry(10);
    const idle = session('idle', { decision: { idleTimeoutMs: 1_000 } });
    const long = session('long', { decision: { maxSessionMs: 5_000 } }, startedAt + 100_000);
    const granted = session('granted', { notAfter: startedAt + 3_000 }, startedAt + 100_000);
    for (const each of [idle, long, granted]) registry.add(each);

    registry.sweep(startedAt + 1_000);
    expect([idle, long, granted].map(each => each.ended.length)).toEqual([0, 0, 0]);
    registry.sweep(startedAt + 1_001);
    expect([idle, long, granted].map(each => each.ended.length)).toEqual([1, 0, 0]);
    registry.sweep(startedAt + 3_001);
    expect(granted.ended.map(reason => reason.code)).toEqual(['killed']);
    registry.sweep(startedAt + 5_001);
    expect(long.ended.map(reason => reason.code)).toEqual(['timeout']);
  });

  test.each<[string, Lock, boolean]>([
    ['its principal', lock({ kind: 'principal', issuer: 'i', subject: 's' }), true],
    ['the one it acts for', lock({ kind: 'principal', issuer: 'i', subject: 'boss' }), true],
    ['the same subject of another issuer', lock({ kind: 'principal', issuer: 'j', subject: 's' }), false],
    ['its target', lock({ kind: 'target', target: 'shop' }), true],
    ['another target', lock({ kind: 'target', target: 'bank' }), false],
    ['its grant', lock({ kind: 'grant', grantId: 'g' }), true],
    ['a lock that has ended', lock({ kind: 'target', target: 'shop' }, startedAt), false],
  ])('a lock on %s', (_, one, ends) => {
    const registry = new Registry(10);
    const running = session('1', { accessGrantId: 'g' });
    registry.add(running);

    registry.enforce([one], startedAt);

    expect(running.ended.length > 0).toBe(ends);
  });

  test('cancels by the key alone, and only while the session runs', async () => {
    const registry = new Registry(10);
    const running = session('1');
    registry.add(running);

    await registry.cancel('key-1');
    await registry.cancel('key-2');
    registry.remove(running);
    await registry.cancel('key-1');

    expect(running.cancelled.count).toBe(1);
  });

  test('a session that is added while draining is told at once', () => {
    const registry = new Registry(10);
    registry.drain({ code: 'shutdown' } as SallyportError);
    const late = session('late');

    registry.add(late);

    expect(late.drained.map(reason => reason.code)).toEqual(['shutdown']);
  });
});
