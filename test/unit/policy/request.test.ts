import { describe, expect, test } from '@jest/globals';
import type { DecisionInput } from '#lib/policy/decision.ts';
import { engineOf, facts, input, person, select } from './fixtures.ts';

/** Whether a permit with this condition lets the input through. */
function holds(condition: string, about: DecisionInput = input()): boolean {
  const engine = engineOf(`@id("p") permit(principal, action, resource) when { ${condition} };`);
  const { effect, errors } = engine.decide(about);
  expect(errors).toBeUndefined();
  return effect === 'allow';
}

const from = (sourceAddress: string) => input({ context: { sourceAddress, now: 0 } });
const at = (iso: string) => input({ context: { sourceAddress: '::1', now: Date.parse(iso) } });

describe('policies see', () => {
  test.each([
    ['192.0.2.7', 'ip("192.0.2.0/24")'],
    ['::ffff:192.0.2.7', 'ip("192.0.2.0/24")'],
    ['2001:db8::1', 'ip("2001:db8::/32")'],
    ['fe80::1%eth0', 'ip("fe80::/10")'],
  ])('the address %s within %s', (address, range) => {
    expect(holds(`context.sourceAddress.isInRange(${range})`, from(address))).toBe(true);
    expect(holds('context.sourceAddress.isInRange(ip("203.0.113.0/24"))', from(address))).toBe(false);
  });

  test('the time in UTC, cut to the minute', () => {
    const late = at('2026-02-01T23:59:59.999Z');

    expect(holds('context.now == datetime("2026-02-01T23:59:00Z")', late)).toBe(true);
    expect(holds('context.hour == 23 && context.weekday == 7', late)).toBe(true);
    expect(holds('context.hour == 0 && context.weekday == 1', at('2026-02-02T00:00:00Z'))).toBe(true);
  });

  test('who acts, by an identity that does not change, and for whom', () => {
    const agent = person({ kind: 'agent', onBehalfOf: { subject: 'u2', name: 'dev' } });

    expect(holds('principal == User::"https://id.example#u1"')).toBe(true);
    expect(holds('principal.kind == Kind::"human" && !(principal has onBehalfOf)')).toBe(true);
    expect(
      holds(
        'principal.kind == Kind::"agent" && principal.onBehalfOf.subject == "u2"',
        input({ principal: agent }),
      ),
    ).toBe(true);
  });

  test('the target with its tags', () => {
    expect(holds('resource.hasTag("env") && resource.getTag("env") == "sample"')).toBe(true);
    expect(holds('resource.hasTag("team")')).toBe(false);
  });

  test('the grant only where there is one', () => {
    const granted = input({ context: { ...input().context, grant: { id: 'g1', reason: 'INC-123' } } });

    expect(holds('context has grant && context.grant.reason like "INC-*"', granted)).toBe(true);
    expect(holds('context has grant')).toBe(false);
  });

  test('functions with and without their schemas', () => {
    const functions = ['count', 'public.dblink', 'x."a.b"', '"A"."odd""one"'];
    const about = input({ command: { ...facts([select()]), functions } });

    for (const name of ['count', 'dblink', 'public.dblink', '\\"a.b\\"', '\\"odd\\"\\"one\\"']) {
      expect(holds(`context.functions.contains("${name}")`, about)).toBe(true);
    }
    expect(holds('context.functions.contains("public")', about)).toBe(false);
  });

  test('the facts of the command', () => {
    const command = facts([select('a', 'b')], { writes: true, noWhere: true, statements: 3 });
    const conditions = [
      'context.verb == "SELECT" && context.objects == ["a", "b"] && context.statements == 3',
      'context.writes && context.noWhere && !context.ddl && !context.opaque && !context.unknownCode',
      'context.place == "shop"',
    ];

    for (const condition of conditions) expect(holds(condition, input({ command }))).toBe(true);
  });
});
