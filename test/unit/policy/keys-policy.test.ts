import { beforeAll, expect, test } from '@jest/globals';
import { loadConfig } from '#lib/policy/config/load.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import { person, sampleFolder } from './fixtures.ts';

let engine: PolicyEngine;

beforeAll(() => {
  const { snapshot, mistakes } = loadConfig(sampleFolder);
  expect(mistakes).toEqual([]);
  if (snapshot !== undefined) engine = PolicyEngine.load(snapshot);
});

const human = (...groups: string[]) => person({ kind: 'human', groups });
const context = { sourceAddress: '192.0.2.1', now: Date.UTC(2026, 0, 15) };
const allows = (principal: ReturnType<typeof person>, action: string) =>
  engine.permits({ principal, action, context }).effect === 'allow';

test.each([
  ['a developer', human('developers'), [true, false, false]],
  ['a database administrator', human('dbas'), [true, true, true]],
  ['an approver', human('approvers'), [false, true, true]],
  ['an auditor', human('auditors'), [false, true, false]],
  ['nobody in particular', human(), [false, false, false]],
  ['an agent', person({ kind: 'agent', groups: ['agents'] }), [false, false, false]],
  [
    'an agent of a database administrator',
    person({ kind: 'agent', groups: ['agents', 'dbas'] }),
    [false, true, false],
  ],
  ['a service of the developers', person({ kind: 'service', groups: ['developers'] }), [false, false, false]],
])('in the sample, %s binds, sees all and revokes all keys as policy says', (_, principal, expected) => {
  const actions = ['keys:bind', 'keys:list-all', 'keys:revoke-all'];

  expect(actions.map(action => allows(principal, action))).toEqual(expected);
});
