import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Answers } from '#lib/policy/answers.ts';
import { type CedarRequest, PreparsedPolicies, readPolicy } from '#lib/policy/cedar.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { objectTests } from '#lib/policy/object-tests.ts';
import { sampleFolder } from './fixtures.ts';

const request = (object: string, group = 'developers', action = 'sftp:write'): CedarRequest => ({
  principal: { type: 'User', id: 'a' },
  action: { type: 'Action', id: action },
  resource: { type: 'Target', id: 'web-1' },
  context: { object, objects: [], functions: [], writes: true, opaque: false, unknownCode: false },
  entities: [
    {
      uid: { type: 'User', id: 'a' },
      attrs: { kind: { __entity: { type: 'Kind', id: 'human' } } },
      parents: [{ type: 'Group', id: group }],
    },
    {
      uid: { type: 'Action', id: action },
      attrs: {},
      parents: [{ type: 'Action', id: action.includes('read') ? 'read' : 'write' }],
    },
    {
      uid: { type: 'Target', id: 'web-1' },
      attrs: { protocol: 'ssh', name: 'web-1' },
      parents: [],
      tags: {},
    },
  ],
});
const permit = (condition: string) => `permit(principal, action, resource) when { ${condition} };`;
const testsOf = (condition: string) => objectTests(readPolicy(permit(condition)));

describe('what a policy asks of an object', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', 'é', '🎉'), maxLength: 8 });
  const patterns = fc.array(fc.oneof(letters, fc.constant(null)), { maxLength: 6 });

  test('by like is answered as Cedar answers it', () => {
    fc.assert(
      fc.property(patterns, letters, (pattern, object) => {
        const text = pattern.map(piece => piece?.replaceAll('*', '\\*') ?? '*').join('');
        const condition = `context.object like "${text}"`;
        const [ours, ...more] = [...testsOf(condition)!.values()];

        const cedar = new PreparsedPolicies({ p: permit(condition) }).ask(request(object));

        expect(more).toEqual([]);
        expect(ours!(object)).toBe(cedar.effect === 'allow');
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['context.object == "a"', 1],
    ['"a" != context.object', 1],
    ['["a", "b"].contains(context.object)', 1],
    ['context.object like "a*" && !(context.object like "b*") || context.object like "a*"', 2],
    ['context.writes', 0],
    ['context has object', 0],
    ['context has grant && context.grant.reason like "x*"', 0],
  ])('%s: %i', (condition, count) => {
    expect(testsOf(condition)?.size).toBe(count);
  });

  test.each([
    'context.object == context.verb',
    'context.objects.contains(context.object)',
    '[context.object].contains("a")',
    'principal.name == context.object',
    'context == {"object": "a"}',
    'ip(context.object).isLoopback()',
    'resource.hasTag(context.object)',
    'if context.object == "a" then context.object == principal.name else false',
  ])('%s cannot be told', condition => {
    expect(testsOf(condition)).toBeUndefined();
  });
});

describe('answers', () => {
  const { snapshot } = loadConfig(sampleFolder);
  const texts = Object.fromEntries(snapshot!.policies.map(({ id, text }) => [id, text]));
  const tests = snapshot!.policies.map(({ text }) => objectTests(readPolicy(text)));
  const pieces = [
    '/tmp/',
    '/srv',
    '/home/',
    '~',
    '..',
    '/',
    'a',
    '.ssh',
    'shadow',
    '.pem',
    'shop:',
    'sudo ',
    '/proc/1/',
  ];

  test('of the sample are Cedar’s, whatever was asked before', () => {
    const cedar = new PreparsedPolicies(texts);
    const answers = new Answers(cedar, tests);
    const object = fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map(each => each.join(''));
    const who = fc.constantFrom('developers', 'dbas', 'agents', 'others');
    const action = fc.constantFrom('sftp:write', 'sftp:read', 'ssh:exec', 'ssh:forward');

    fc.assert(
      fc.property(object, who, action, (...asked) => {
        expect(answers.ask(request(...asked))).toEqual(cedar.ask(request(...asked)));
      }),
      { numRuns: 500 },
    );
  });

  test('are worked out once for what no policy tells apart, and anew for what one does', () => {
    let asked = 0;
    const cedar = new PreparsedPolicies(texts);
    const counting = {
      ask: (each: CedarRequest) => {
        asked += 1;
        return cedar.ask(each);
      },
    } as PreparsedPolicies;
    const answers = new Answers(counting, tests);

    for (let index = 0; index < 100; index += 1) answers.ask(request(`/tmp/file-${index}`));
    expect(asked).toBe(1);
    expect(answers.ask(request('/etc/passwd')).effect).toBe('deny');
    expect(answers.ask(request('/tmp/x', 'others')).effect).toBe('deny');
    expect(asked).toBe(3);
  });

  test('are not kept where a policy looks at objects in another way', () => {
    let asked = 0;
    const counting = {
      ask: () => {
        asked += 1;
        return { effect: 'allow', policies: [], errors: [] };
      },
    } as unknown as PreparsedPolicies;
    const answers = new Answers(counting, [testsOf('context.object == context.verb')]);

    answers.ask(request('/tmp/a'));
    answers.ask(request('/tmp/a'));

    expect(asked).toBe(2);
  });
});
