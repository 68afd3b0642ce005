import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { CommandFacts } from '#lib/command.ts';
import { Decider } from '#lib/policy/decider.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import { engineOf, facts, input, person, select, snapshotOf } from './fixtures.ts';

const { target } = input();
const start = Date.UTC(2026, 0, 31, 9, 59, 30);

function deciderOf(engine: PolicyEngine): Decider {
  return new Decider(engine, person(), target, 'shop', '192.0.2.7', undefined);
}

const officeHours = `@id("office") permit(principal, action, resource) when { context.hour >= 9 && context.hour < 10 };
  @id("no") forbid(principal, action in Action::"command", resource) when { context.object == "public.payments" || context.noWhere };`;
const always = officeHours.replace('when { context.hour >= 9 && context.hour < 10 }', '');

describe('a cached decision', () => {
  const commands: readonly (CommandFacts | undefined)[] = [
    undefined,
    facts([select('public.orders')]),
    facts([select('public.payments')]),
    facts([{ action: 'postgres:delete', objects: ['public.orders'] }], { noWhere: true }),
    facts([{ action: 'postgres:nothing', objects: [] }]),
  ];

  test('equals a fresh one, whatever is asked in whatever order while policies change', () => {
    const snapshots = [officeHours, always, '@id("none") forbid(principal, action, resource);'].map(cedar =>
      snapshotOf(cedar),
    );
    const step = fc.record({
      command: fc.nat(commands.length - 1),
      minutes: fc.nat(90),
      snapshot: fc.option(fc.nat(snapshots.length - 1), { freq: 6, nil: undefined }),
    });
    const engines = snapshots.map(snapshot => PolicyEngine.load(snapshot));
    const fresh = new Map<string, string>();

    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        let current = 0;
        const decider = deciderOf(engines[0]!);
        for (const { command, minutes, snapshot } of steps) {
          if (snapshot !== undefined) {
            current = snapshot;
            decider.use(engines[snapshot]!);
          }
          const now = start + minutes * 60_000;
          const key = [current, command, minutes].join();
          if (!fresh.has(key)) {
            const context = { place: 'shop', sourceAddress: '192.0.2.7', now };
            const question = input({ command: commands[command], context });
            fresh.set(key, JSON.stringify(engines[current]!.explain(question).decision));
          }
          expect(JSON.stringify(decider.decide(commands[command], now))).toBe(fresh.get(key));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('is the same object while nothing changes', () => {
    const decider = deciderOf(engineOf(officeHours));

    expect(decider.decide(commands[1], start)).toBe(decider.decide(commands[1], start + 29_999));
  });

  test('is asked anew in the next minute only where a policy looks at the time', () => {
    const timed = deciderOf(engineOf(officeHours));
    const timeless = deciderOf(engineOf(always));

    expect(timed.decide(commands[1], start).effect).toBe('allow');
    expect(timed.decide(commands[1], start + 30_000).effect).toBe('deny');
    expect(timeless.decide(commands[1], start + 1e12)).toBe(timeless.decide(commands[1], start));
  });

  test('takes less than a microsecond to find', () => {
    const decider = deciderOf(engineOf(officeHours));
    const times: number[] = [];
    for (let round = 0; round < 20; round++) {
      const began = performance.now();
      for (let i = 0; i < 10_000; i++) decider.decide(commands[1], start);
      times.push((performance.now() - began) / 10);
    }

    // The best round: the others share the machine with somebody.
    expect(Math.min(...times)).toBeLessThan(1);
  });
});

test('the cache is bounded, and what it forgot is decided anew', () => {
  const decider = deciderOf(engineOf(always));
  const first = facts([select('public.orders')]);
  const before = decider.decide(first, start);

  for (let i = 0; i < 1100; i++) decider.decide(facts([{ action: 'postgres:nothing', objects: [] }]), start);

  expect(decider.decide(first, start)).toEqual(before);
});

test('the names in what is decided are bounded as well: long lists of tables are forgotten sooner', () => {
  const engine = engineOf(always);
  const asked = jest.spyOn(engine, 'decide');
  const decider = deciderOf(engine);
  const decide = (one: CommandFacts) => {
    asked.mockClear();
    decider.decide(one, start);
    return asked.mock.calls.length;
  };
  const long = Array.from({ length: 60 }, (_, i) =>
    facts([
      { action: 'postgres:select', objects: Array.from({ length: 1000 }, (_, k) => `public.t${i}_${k}`) },
    ]),
  );
  const [first, last] = [long[0]!, long.at(-1)!];

  const before = long.map(decide);

  expect(before).toEqual(Array(60).fill(1));
  expect([decide(last), decide(first), decide(first)]).toEqual([0, 1, 0]);
});

describe('whether the time matters', () => {
  test.each([
    ['context.now > datetime("2026-01-01")', true],
    ['context.hour < 8 || principal.name == "x"', true],
    ['[1, 2].contains(context.weekday)', true],
    ['context has now', true],
    ['context == {"a": 1}', true],
    ['[context].contains({"a": 1})', true],
    ['(if true then context else context).hour == 3', true],
    ['principal.name == "now" && resource.name == "context.now"', false],
    [
      'context.sourceAddress.isLoopback() && context has grant.reason && context.grant.reason == "hour"',
      false,
    ],
    ['{"Var": "context"}.Var == "context"', false],
  ])('is told from the policy: %s', (condition, matters) => {
    const engine = engineOf(`@id("p") permit(principal, action, resource) unless { ${condition} };`);

    expect(engine.timeMatters).toBe(matters);
  });
});
