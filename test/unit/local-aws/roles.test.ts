import { describe, expect, test } from '@jest/globals';
import { roleTable } from '#local/aws/roles.ts';

const keys = { name: 'r', accessKeyId: 'k', secretAccessKey: 's' };
const allows = (allow: string[], action: string, resource: string) => {
  const role = { ...keys, allow };
  return roleTable([role]).firstDenied(role, [{ action, resource }]) === undefined;
};

describe('an allow list', () => {
  test.each<[string[], string, string, boolean]>([
    [[], 'dynamodb:PutItem', 'journal', false],
    [['dynamodb:PutItem'], 'dynamodb:PutItem', 'journal', true],
    [['dynamodb:PutItem'], 'dynamodb:PutItemX', 'journal', false],
    [['dynamodb:PutItem'], 'dynamodb:DeleteItem', 'journal', false],
    [['dynamodb:PutItem journal'], 'dynamodb:PutItem', 'journal', true],
    [['dynamodb:PutItem journal'], 'dynamodb:PutItem', 'journal-2', false],
    [['dynamodb:PutItem journal'], 'dynamodb:PutItem', '', false],
    [['dynamodb:* journal*'], 'dynamodb:Query', 'journal-2', true],
    [['dynamodb:*'], 'secretsmanager:GetSecretValue', 'x', false],
    [['secretsmanager:GetSecretValue a/*'], 'secretsmanager:GetSecretValue', 'a/b/c', true],
    [['execute-api:Invoke POST/v1/lookup'], 'execute-api:Invoke', 'POST/v1/lookup/more', false],
    [['a:* r'], 'a:One', 'other r', false],
    [['a.b:c'], 'axb:c', 'r', false],
    [['*'], 'anything:AtAll', 'on anything', true],
  ])('%j: %s on %s is %s', (allow, action, resource, expected) => {
    expect(allows(allow, action, resource)).toBe(expected);
  });

  test('every permission is needed, and the first that lacks is named', () => {
    const role = { ...keys, allow: ['a:One'] };
    const lacking = { action: 'a:Two', resource: 'r' };

    expect(roleTable([role]).firstDenied(role, [{ action: 'a:One', resource: 'r' }, lacking])).toBe(lacking);
  });
});
