import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from '@jest/globals';
import { Actions } from '#lib/policy/actions.ts';
import { CedarError, type CedarRequest } from '#lib/policy/cedar.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import { commandRequest, connectRequest, systemRequest } from '#lib/policy/request.ts';
import { engineOf, facts, input, person, sampleFolder, schema, select, snapshotOf } from './fixtures.ts';

const run = promisify(execFile);
const node = process.execPath;
const permitAll = '@id("all") permit(principal, action, resource);';

describe('a decision', () => {
  test('is deny where no policy matches, and says what was missing', () => {
    const engine = engineOf('@id("others") permit(principal in Group::"dbas", action, resource);');

    const decision = engine.decide(input());

    expect(decision).toMatchObject({ effect: 'deny', policies: [], durability: 'local' });
    expect(decision.message).toBe('No policy permits postgres:select on public.orders.');
  });

  test('is deny without any policy', () => {
    expect(engineOf('').decide(input()).effect).toBe('deny');
  });

  test('is deny where one policy forbids, whatever else permits', () => {
    const engine = engineOf(
      `${permitAll} @id("no") @message("Not today.") forbid(principal, action, resource);`,
    );

    expect(engine.decide(input())).toMatchObject({ effect: 'deny', policies: ['no'], message: 'Not today.' });
  });

  test('is allow where a policy permits and none forbids', () => {
    expect(engineOf(permitAll).decide(input())).toMatchObject({ effect: 'allow', policies: ['all'] });
  });

  test('is deny, with the error in it, when a permit beside the deciding one cannot be evaluated', () => {
    const engine = engineOf(`${permitAll}
      @id("broken") permit(principal, action, resource) when { 9223372036854775807 + context.hour > 0 };`);

    const decision = engine.decide(input());

    expect(decision.effect).toBe('deny');
    expect(decision.errors).toEqual([expect.stringContaining('policy broken')]);
  });

  test('is deny when a forbid cannot be evaluated', () => {
    const engine = engineOf(`${permitAll}
      @id("broken") forbid(principal, action, resource) when { context.grant.reason == "" };`);

    expect(engine.decide(input())).toMatchObject({ effect: 'deny', errors: [expect.any(String)] });
  });

  test('is deny when the request cannot be evaluated at all', () => {
    const context = { sourceAddress: 'not an address', now: 0 };

    const decision = engineOf(permitAll).decide(input({ context }));

    expect(decision).toMatchObject({ effect: 'deny', policies: [], errors: [expect.any(String)] });
  });

  test('of several operations needs every one of them permitted', () => {
    const engine = engineOf('@id("read") permit(principal, action in Action::"read", resource);');
    const command = facts([
      select('public.orders'),
      { action: 'postgres:delete', objects: ['public.orders'] },
    ]);

    const { decision, answers } = engine.explain(input({ command }));

    expect(answers.map(answer => answer.effect)).toEqual(['allow', 'deny']);
    expect(decision).toMatchObject({ effect: 'deny', policies: [] });
    expect(decision.message).toBe('No policy permits postgres:delete on public.orders.');
  });

  test('of a command without operations is deny', () => {
    expect(engineOf(permitAll).decide(input({ command: facts([]) })).effect).toBe('deny');
  });

  test.each(['postgres:teleport', 'connect', 'command', 'sessions:kill', '__proto__'])(
    'about the action %s, which no command has, is deny',
    action => {
      const command = facts([{ action, objects: [] }]);

      expect(engineOf(permitAll).decide(input({ command }))).toMatchObject({ effect: 'deny', policies: [] });
    },
  );

  test('says what a permit asks for that only its conditions kept from permitting', () => {
    const engine = engineOf(`
      @id("orders") @message("Developers read orders.")
      permit(principal in Group::"developers", action, resource == Target::"shop")
      when { context has grant };
      @id("elsewhere") @message("Somewhere else.") permit(principal, action, resource == Target::"other");
      @id("somebody") @message("Somebody else.") permit(principal in Group::"dbas", action, resource);
      @id("something") @message("Something else.") permit(principal, action == Action::"connect", resource);`);

    expect(engine.decide(input()).message).toBe(
      'No policy permits postgres:select on public.orders. Developers read orders.',
    );
  });

  test('names the snapshot and the question it answers', () => {
    const snapshot = snapshotOf(permitAll);

    const decision = PolicyEngine.load(snapshot).decide(input());

    expect(decision.version).toBe(snapshot.version);
    expect(decision.inputDigest).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('objects', () => {
  const orders =
    '@id("orders") permit(principal, action, resource) when { context.object == "public.orders" };';
  const scoped = orders.replace('action,', 'action in Action::"command",');

  test('are permitted one by one, so that one more than permitted is refused', () => {
    const engine = engineOf(scoped);

    expect(engine.decide(input({ command: facts([select('public.orders')]) })).effect).toBe('allow');
    const both = engine.decide(input({ command: facts([select('public.orders', 'public.payments')]) }));
    expect(both).toMatchObject({ effect: 'deny' });
    expect(both.message).toContain('public.payments');
  });

  test('are asked about together where no policy tells them apart', () => {
    const command = facts([select('a', 'b', 'c')]);

    expect(engineOf(permitAll).explain(input({ command })).answers).toHaveLength(1);
    expect(engineOf(scoped).explain(input({ command })).answers).toHaveLength(3);
  });

  test('of an operation without any are the empty text', () => {
    const engine = engineOf(
      '@id("none") permit(principal, action in Action::"command", resource) when { context.object == "" };',
    );

    expect(engine.decide(input({ command: facts([select()]) })).effect).toBe('allow');
    expect(engine.decide(input()).effect).toBe('deny');
  });

  test('are refused when there are too many to ask about', () => {
    const objects = Array.from({ length: 513 }, (_, i) => `public.t${i}`);

    const decision = engineOf(scoped).decide(input({ command: facts([select(...objects)]) }));

    expect(decision).toMatchObject({ effect: 'deny', policies: [] });
    expect(decision.message).toContain('512');
  });
});

describe('names of a large command', () => {
  const everything = '@id("all") permit(principal, action in Action::"command", resource);';
  const scoped =
    '@id("one") permit(principal, action in Action::"command", resource) when { context.object like "public.*" };';
  const many = Array.from({ length: 500 }, (_, i) => `public.t${i}`);

  test('are refused where each question would carry too many', () => {
    const looksAtAll = `${scoped} @id("set") forbid(principal, action in Action::"command", resource) when { context.objects.contains("x.y") };`;

    const refused = engineOf(looksAtAll).decide(input({ command: facts([select(...many)]) }));
    const permitted = engineOf(everything).decide(input({ command: facts([select(...many)]) }));

    expect([refused.effect, permitted.effect]).toEqual(['deny', 'allow']);
    expect(refused.message).toContain('Split it');
  });
});

describe('annotations', () => {
  test('of all deciding policies count, and the strictest wins', () => {
    const engine = engineOf(`
      @id("a") @durability("async") @mask("pii.ssn, pii.email") @idle("30m") @max("8h")
      permit(principal, action, resource);
      @id("b") @durability("strict") @approve("dba-oncall") @mask("pci.pan,pii.email") @idle("15m") @max("1d") @reason("required")
      permit(principal, action, resource);`);

    expect(engine.decide(input({ command: undefined }))).toMatchObject({
      effect: 'allow',
      durability: 'strict',
      approve: ['dba-oncall'],
      mask: ['pci.pan', 'pii.email', 'pii.ssn'],
      reason: 'required',
      idleTimeoutMs: 15 * 60_000,
      maxSessionMs: 8 * 3_600_000,
    });
  });

  test('of policies that did not decide count for nothing', () => {
    const engine = engineOf(`${permitAll}
      @id("b") @durability("strict") @approve("dba-oncall") permit(principal in Group::"dbas", action, resource);`);

    const decision = engine.decide(input());

    expect(decision).toMatchObject({ effect: 'allow', durability: 'local' });
    expect(decision.approve).toBeUndefined();
  });

  test('let a record lag only where every deciding policy says so', () => {
    const lag = '@id("lag") @durability("async") permit(principal, action, resource);';

    expect(engineOf(lag).decide(input()).durability).toBe('async');
    expect(engineOf(`${lag} ${permitAll}`).decide(input()).durability).toBe('local');
  });

  test('limit sessions, not commands', () => {
    const engine = engineOf('@id("a") @idle("30m") @max("8h") permit(principal, action, resource);');

    const decision = engine.decide(input());

    expect(decision).not.toHaveProperty('idleTimeoutMs');
    expect(decision).not.toHaveProperty('maxSessionMs');
  });

  test('files are only hashed where every deciding policy says so', () => {
    const hashed = '@id("hashed") @files("hashed") permit(principal, action, resource);';

    expect(engineOf(hashed).decide(input()).files).toBe('hashed');
    expect(engineOf(`${hashed} ${permitAll}`).decide(input()).files).toBeUndefined();
  });

  test.each([
    '@durability("later")',
    '@files("gone")',
    '@idle("soon")',
    '@max("0h")',
    '@reason("maybe")',
    '@mask("")',
  ])('that say nothing, like %s, keep a snapshot from being used', annotation => {
    const load = () => engineOf(`@id("a") ${annotation} permit(principal, action, resource);`);

    expect(load).toThrow(CedarError);
  });
});

describe('a snapshot', () => {
  test('in which two policies have one id is not used', () => {
    expect(() => engineOf(`${permitAll} ${permitAll}`)).toThrow(CedarError);
  });

  test.each([
    'permit(principal, action',
    'permit(principal == ?principal, action, resource);',
    permitAll + permitAll,
  ])('with the text %s for a policy is not used', text => {
    const policies = [{ id: 'x', file: 'x', line: 1, text }];

    expect(() => PolicyEngine.load(snapshotOf('', { policies }))).toThrow(CedarError);
  });

  test('with a schema that is none is not used', () => {
    expect(() => PolicyEngine.load(snapshotOf('', { schema: 'entity {' }))).toThrow(CedarError);
  });

  test('knows only the actions of its own schema', () => {
    const older = schema.replace(/action "postgres:do"[^;]*;/, '');
    const engine = PolicyEngine.load(snapshotOf(permitAll, { schema: older }));
    const command = facts([{ action: 'postgres:do', objects: [] }]);

    expect(engine.decide(input({ command })).effect).toBe('deny');
    expect(engineOf(permitAll).decide(input({ command })).effect).toBe('allow');
  });

  test('stays right while others take turns with it, more than Cedar keeps at once', () => {
    const engines = Array.from({ length: 9 }, (_, i) =>
      engineOf(`@id("only") permit(principal in Group::"g${i}", action, resource);`),
    );

    for (let round = 0; round < 2; round++) {
      for (const [mine, engine] of engines.entries()) {
        const effects = engines.map(
          (_, i) => engine.explain(input({ principal: person({ groups: [`g${i}`] }) })).decision.effect,
        );
        expect(effects).toEqual(engines.map((_, i) => (i === mine ? 'allow' : 'deny')));
      }
    }
  });

  test('loaded over and over takes no more memory', async () => {
    const program = fileURLToPath(new URL('reload-memory.ts', import.meta.url));

    const { stdout } = await run(node, ['--expose-gc', program, sampleFolder, '80']);

    // Sets that are kept cost some 70 KB each: 40 of them would be 2.8 MB.
    expect(Number(stdout)).toBeLessThan(1_500_000);
  }, 60_000);
});

describe('the control plane', () => {
  const engine = engineOf(`
    @id("list") permit(principal in Group::"auditors", action == Action::"sessions:list", resource);
    @id("no") @message("Locked out.") forbid(principal, action, resource == System::"sallyport") when { principal.name == "mallory" };`);
  const context = { sourceAddress: '192.0.2.7', now: 0 };

  test('is asked by the same rules', () => {
    const auditor = person({ groups: ['auditors'] });
    const ask = (principal = auditor, action = 'sessions:list') =>
      engine.permits({ principal, action, context });

    expect(ask()).toMatchObject({ effect: 'allow', policies: ['list'] });
    expect(ask(person())).toMatchObject({ effect: 'deny', policies: [] });
    expect(ask({ ...auditor, name: 'mallory' })).toMatchObject({ effect: 'deny', message: 'Locked out.' });
    expect(ask(auditor, 'sessions:kill').effect).toBe('deny');
  });

  test.each(['connect', 'postgres:select', 'sessions:rename', 'read'])(
    'refuses %s, which is not about it',
    action => {
      const all = engineOf(permitAll);

      expect(all.permits({ principal: person(), action, context })).toMatchObject({
        effect: 'deny',
        policies: [],
      });
    },
  );
});

describe('every request', () => {
  const actions = new Actions(schema);
  const full = input({
    principal: person({ kind: 'agent', onBehalfOf: { subject: 'u2', name: 'other' }, groups: ['a', 'b'] }),
    context: {
      place: 'shop',
      sourceAddress: '::ffff:192.0.2.7',
      now: 1e12,
      grant: { id: 'g', reason: 'INC-1' },
    },
  });
  const isValid = (request: CedarRequest) =>
    isAuthorized({
      ...request,
      entities: request.entities.filter(e => !('type' in e.uid && e.uid.type === 'Action')),
      schema,
      validateRequest: true,
      policies: { staticPolicies: permitAll },
    });

  test.each(actions.names.filter(name => actions.isCommand(name)))('for %s is one by the schema', action => {
    const operation = { action, objects: ['public.orders'] };

    for (const each of [full, input()]) {
      const request = commandRequest(actions, each, facts([operation]), operation, 'public.orders', {
        objects: operation.objects,
        functions: ['pg_catalog.length'],
      });
      expect(isValid(request)).toMatchObject({ type: 'success', response: { decision: 'allow' } });
    }
  });

  test('to connect, and to the control plane, is one by the schema', () => {
    const system = actions.names.filter(name => actions.appliesTo(name, 'System'));
    const requests = [
      connectRequest(actions, full),
      ...system.map(action =>
        systemRequest(actions, { principal: full.principal, action, context: full.context }),
      ),
    ];

    expect(system.length).toBeGreaterThan(2);
    for (const request of requests) {
      expect(isValid(request)).toMatchObject({ type: 'success', response: { decision: 'allow' } });
    }
  });
});
