import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Window } from '#gateway/protocols/ssh/window.ts';

const reserve = 1_000;

describe('a window', () => {
  test('is passed on without a reserve, which is what the gateway may use itself', () => {
    const window = new Window(10_000, reserve);

    expect([window.passed, window.own]).toEqual([9_000, 1_000]);
  });

  test('that is small keeps three quarters for the sender', () => {
    const window = new Window(400, reserve);

    expect([window.passed, window.own]).toEqual([300, 100]);
  });

  // As sshd opens a session: it takes data once a program runs.
  test('of nothing is nothing, and has its reserve of what is granted later', () => {
    const window = new Window(0, reserve);

    expect([window.passed, window.own]).toEqual([0, 0]);
    expect(window.grant(5_000)).toBe(4_000);
    expect(window.own).toBe(reserve);
    expect(window.take(4_001)).toBe(false);
  });

  test('fills its reserve up before the sender is told of more', () => {
    const window = new Window(10_000, reserve);
    window.spendOwn(700);

    expect(window.grant(500)).toBe(0);
    expect(window.grant(500)).toBe(300);
    expect(window.own).toBe(reserve);
  });

  test('takes no more than was passed on', () => {
    const window = new Window(10_000, reserve);

    expect(window.take(9_000)).toBe(true);
    expect(window.take(1)).toBe(false);
  });

  test.each([
    [2 * 1024 * 1024, 32 * 1024],
    [24_576, 9_216],
    [1, 0],
  ])('of %i gives credit for dropped bytes before the sender is at its end', (initial, lump) => {
    const window = new Window(initial, 0.25 * initial);
    const all = window.passed;
    let told = 0;
    let dropped = 0;

    while (told === 0 && dropped < all) {
      window.take(1);
      told = window.drop(1);
      dropped += 1;
    }

    expect(told).toBe(dropped);
    expect(told).toBe(Math.max(1, lump));
  });

  test('gives the credit that waits with the next grant', () => {
    const window = new Window(1_000_000, 0);
    window.take(100);
    expect(window.drop(100)).toBe(0);

    expect(window.grant(50)).toBe(150);
  });

  test('is none beyond 2^32 - 1', () => {
    const window = new Window(0xffff_ffff, 0);

    expect(window.sane).toBe(true);
    window.grant(1);
    expect(window.sane).toBe(false);
  });
});

/** What may happen to a window, each with as many bytes as are possible then. */
type Step = readonly [kind: 'send' | 'forward' | 'drop' | 'own' | 'grant', part: number];

test('whatever happens in whatever order, the receiver is sent no more than it granted, and nothing is lost', () => {
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('send', 'forward', 'drop', 'own', 'grant'),
    fc.integer({ min: 0, max: 100 }),
  );

  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 0, max: 300_000 }),
      fc.array(step, { maxLength: 200 }),
      (initial, asked, steps) => {
        const window = new Window(initial, asked);
        // The two ends, as each counts for itself.
        let receiver = initial;
        let sender = window.passed;
        let held = 0;
        for (const [kind, part] of steps) {
          const of = (bytes: number) => Math.floor((bytes * part) / 100);
          if (kind === 'send') {
            const bytes = of(sender);
            sender -= bytes;
            held += bytes;
            if (!window.take(bytes)) throw new Error('less than it said');
          } else if (kind === 'forward') {
            const bytes = of(held);
            held -= bytes;
            receiver -= bytes;
            window.forward(bytes);
          } else if (kind === 'drop') {
            const bytes = of(held);
            held -= bytes;
            sender += window.drop(bytes);
          } else if (kind === 'own') {
            const bytes = of(window.own);
            receiver -= bytes;
            window.spendOwn(bytes);
          } else {
            receiver += part * 100;
            sender += window.grant(part * 100);
          }
          // What is under way and what may still come both fit.
          const { own, passed } = window;
          const holds =
            sender + held + own <= receiver && own >= 0 && own <= window.reserve && passed === sender;
          if (!holds) expect({ sender, held, own, passed, reserve: window.reserve, receiver }).toBe('sound');
        }
        // All that the receiver grants from here on reaches the sender.
        const more = window.grant(1_000_000);
        expect(sender + more + held + window.own).toBe(receiver + 1_000_000);
      },
    ),
    { numRuns: 500 },
  );
});
