import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SallyportError } from '#lib/errors.ts';
import { principalFromClaims } from '#lib/identity/claims.ts';

const claims = (more: Record<string, unknown> = {}) => ({
  iss: 'https://id.example',
  sub: 'u-1',
  exp: 1_800_000_000,
  ...more,
});
const refusal = (more: Record<string, unknown>) => {
  try {
    principalFromClaims(claims(more));
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the name', () => {
  test.each([
    ['the e-mail address', { email: 'dev@example.com' }, 'dev@example.com'],
    ['the subject where there is no address', {}, 'u-1'],
    ['the subject where the address is not verified', { email: 'a@b.c', email_verified: false }, 'u-1'],
  ])('is %s', (_, more, name) => {
    expect(principalFromClaims(claims(more)).name).toBe(name);
  });

  test('comes from another claim where one is configured', () => {
    const both = claims({ email: 'dev@example.com', preferred_username: 'dev' });

    expect(principalFromClaims(both, { name: 'preferred_username' }).name).toBe('dev');
  });

  test.each(['dev\u0000', 'dev\nroot', 'dev\u202eroot', '', 'x'.repeat(257), 7, ['dev']])(
    'is never %p',
    email => {
      expect(refusal({ email })).toMatchObject({ code: 'unauthenticated' });
    },
  );
});

describe('the groups', () => {
  test.each([
    ['a list', ['b', 'a', 'b'], ['a', 'b']],
    ['one name', 'developers', ['developers']],
    ['one name that looks like several', 'developers,dba', ['developers,dba']],
    ['nothing', undefined, []],
    ['names that mean something to JavaScript', ['__proto__', 'constructor'], ['__proto__', 'constructor']],
  ])('are read from %s', (_, groups, expected) => {
    expect(principalFromClaims(claims({ groups })).groups).toEqual(expected);
  });

  test.each([
    ['an object', { 0: 'dba', length: 1 }],
    ['a list in a list', [['dba']]],
    ['numbers', [1]],
    ['null', null],
    ['a null among names', ['dba', null]],
    ['an empty name', ['']],
    ['a name of 257 characters', ['x'.repeat(257)]],
    ['257 names', Array.from({ length: 257 }, (_, index) => `g${index}`)],
    ['a name with a control character', ['dba\n']],
    ['a boolean', true],
  ])('are refused, not passed over, when they are %s', (_, groups) => {
    expect(refusal({ groups })).toMatchObject({ code: 'unauthenticated' });
  });

  test('are refused when the provider left them out of the token', () => {
    expect(refusal({ _claim_names: { groups: 'src1' } })).toMatchObject({ code: 'unauthenticated' });
  });
});

describe('the kind', () => {
  test.each([
    ['human', {}],
    ['human', { client_id: 'console' }],
    ['service', { client_id: 'u-1' }],
    ['service', { azp: 'u-1' }],
    ['service', { sallyport_kind: 'service' }],
    ['agent', { sallyport_kind: 'agent' }],
    ['agent', { sallyport_kind: 'human', act: { sub: 'bot' } }],
  ])('is %s with %p', (kind, more) => {
    expect(principalFromClaims(claims(more)).kind).toBe(kind);
  });

  test.each(['root', 'Human', 1, null])('is never %p', sallyport_kind => {
    expect(refusal({ sallyport_kind })).toMatchObject({ code: 'unauthenticated' });
  });
});

describe('an actor', () => {
  test('acts on behalf of the subject', () => {
    const token = claims({ email: 'dev@example.com', groups: ['developers'], act: { sub: 'bot' } });

    expect(principalFromClaims(token)).toEqual({
      issuer: 'https://id.example',
      subject: 'bot',
      name: 'bot',
      kind: 'agent',
      groups: ['developers'],
      onBehalfOf: { subject: 'u-1', name: 'dev@example.com' },
      expiresAt: 1_800_000_000,
    });
  });

  test('that acted through another is the outermost one', () => {
    const act = { sub: 'outer', act: { sub: 'inner', iss: 'https://elsewhere.example' } };

    expect(principalFromClaims(claims({ act }))).toMatchObject({
      subject: 'outer',
      onBehalfOf: { subject: 'u-1' },
    });
  });

  const chain = (length: number): unknown =>
    length === 1 ? { sub: 'a' } : { sub: 'a', act: chain(length - 1) };

  test('chain of 8 is read, of 9 is refused', () => {
    expect(principalFromClaims(claims({ act: chain(8) })).kind).toBe('agent');
    expect(refusal({ act: chain(9) })).toMatchObject({ code: 'unauthenticated' });
  });

  test.each([
    ['no subject', {}],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 1 }],
    ['another issuer', { sub: 'bot', iss: 'https://elsewhere.example' }],
    ['no form at all', 'bot'],
    ['null for a form', null],
    ['a broken actor inside', { sub: 'bot', act: 'root' }],
  ])('is refused that has %s', (_, act) => {
    expect(refusal({ act })).toMatchObject({ code: 'unauthenticated' });
  });
});

test('whatever the claims are, the answer is a bounded principal or our own refusal', () => {
  const names = ['iss', 'sub', 'exp', 'email', 'groups', 'act', 'sallyport_kind', 'client_id', 'cnf'];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), more => {
      try {
        const principal = principalFromClaims(claims(more));
        return (
          principal.groups.length <= 256 && principal.name.length <= 256 && principal.subject.length <= 256
        );
      } catch (error) {
        return error instanceof SallyportError && error.code === 'unauthenticated';
      }
    }),
    { numRuns: 500 },
  );
});
