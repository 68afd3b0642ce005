import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Gate, KeyedLocks } from '#local/aws/locks.ts';

/** Work that notes how many like it run at once. */
function counter() {
  const seen = { now: 0, most: 0 };
  const work = async (ms = 2) => {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    await sleep(ms);
    seen.now -= 1;
  };
  return { seen, work };
}

describe('keyed locks', () => {
  test('one key is held by one, others are free', async () => {
    const locks = new KeyedLocks();
    const [same, other] = [counter(), counter()];

    await Promise.all([
      ...Array.from({ length: 5 }, () => locks.hold(['a'], () => same.work())),
      ...Array.from({ length: 5 }, (_, n) => locks.hold([String(n)], () => other.work())),
    ]);

    expect([same.seen.most, other.seen.most]).toEqual([1, 5]);
  });

  test('several keys in any order never wait for each other for ever', async () => {
    const locks = new KeyedLocks();
    const { seen, work } = counter();

    await Promise.all(
      Array.from({ length: 20 }, (_, n) => locks.hold(n % 2 ? ['a', 'b', 'a'] : ['b', 'a'], () => work(1))),
    );

    expect(seen.most).toBe(1);
  });

  test('a failure sets the key free, and is the one who failed', async () => {
    const locks = new KeyedLocks();

    const failed = locks.hold(['a'], async () => {
      throw new RangeError('mine');
    });

    await expect(failed).rejects.toThrow(RangeError);
    expect(await locks.hold(['a'], async () => 'free')).toBe('free');
  });
});

describe('a gate', () => {
  test('many share; one who has it alone shares with nobody', async () => {
    const gate = new Gate();
    const [shared, alone] = [counter(), counter()];
    const overlaps: number[] = [];

    const calls = Array.from({ length: 30 }, (_, n) =>
      n % 10 === 5
        ? gate.alone(async () => {
            overlaps.push(shared.seen.now);
            await alone.work();
            overlaps.push(shared.seen.now);
          })
        : gate.share(() => shared.work()),
    );
    await Promise.all(calls);

    expect(alone.seen.most).toBe(1);
    expect(shared.seen.most).toBeGreaterThan(1);
    expect(overlaps).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('a failure leaves it open', async () => {
    const gate = new Gate();
    const fails = async () => {
      throw new RangeError('mine');
    };

    await expect(gate.alone(fails)).rejects.toThrow(RangeError);
    await expect(gate.share(fails)).rejects.toThrow(RangeError);
    expect([await gate.share(async () => 1), await gate.alone(async () => 2)]).toEqual([1, 2]);
  });
});
