import { describe, expect, test } from '@jest/globals';
import { readCredential } from '#lib/identity/credential.ts';
import { hashTicket, isTicket, makeTicket } from '#lib/identity/ticket.ts';
import { contradiction } from '#lib/identity/user-name.ts';

describe('a ticket', () => {
  test('is its prefix and 32 random bytes', () => {
    const ticket = makeTicket(length => new Uint8Array(length).fill(255));

    expect(ticket).toBe('sp_tkt___________________________________________8');
    expect(isTicket(ticket)).toBe(true);
  });

  test('is another each time', () => {
    expect(makeTicket()).not.toBe(makeTicket());
  });

  test('is stored as the SHA-256 of all its characters', () => {
    // printf %s sp_tkt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA | sha256sum
    expect(hashTicket(makeTicket(length => new Uint8Array(length)))).toBe(
      '42646c162197b92e5d50f72417b5a08a8fec8d6669508cc3ce8aac7d4364bc0c',
    );
  });

  test('is not made of a random source that runs short', () => {
    expect(() => makeTicket(() => new Uint8Array(16))).toThrow(TypeError);
  });
});

describe('a password', () => {
  test('is told to be a ticket or a token by its form', () => {
    const ticket = makeTicket();

    expect(readCredential(ticket)).toEqual({ kind: 'ticket', ticket });
    expect(readCredential('e30.e30.AA')).toEqual({ kind: 'token', token: 'e30.e30.AA' });
  });

  test.each([
    ['nothing', ''],
    ['a word', 'correct horse'],
    ['half a ticket', 'sp_tkt_AAAA'],
    ['a ticket and more', `${makeTicket()}\n`],
    ['a token without a signature', 'e30.e30.'],
    ['an encrypted token', 'a.b.c.d.e'],
    ['a token of more than 16 KiB', `${'a'.repeat(16_384)}.b.c`],
  ])('that is %s is refused without being repeated', (_, password) => {
    expect.assertions(2);
    try {
      readCredential(password);
    } catch (error) {
      expect(error).toMatchObject({ code: 'unauthenticated' });
      expect(password !== '' && String(error).includes(password)).toBe(false);
    }
  });
});

describe('a user name', () => {
  const principal = { name: 'Dev@example.com', subject: 'u-1' };

  test.each(['', 'sallyport', 'Dev@example.com', 'dev@EXAMPLE.com', 'dev', 'u-1'])('may be %p', user => {
    expect(contradiction(user, principal)).toBeUndefined();
  });

  test.each(['postgres', 'dba', 'dba@example.com', 'dev@example.org', 'U-1', 'd', '@example.com'])(
    'may not be %p, and the answer says what to write',
    user => {
      const found = contradiction(user, principal);

      expect(found?.message).toContain(JSON.stringify(user));
      expect(found?.hint).toContain('"Dev@example.com"');
    },
  );

  test('that is hostile is shown short and escaped', () => {
    const found = contradiction(`\u0000\n${'x'.repeat(10_000)}`, principal);

    expect(found?.message.length).toBeLessThan(150);
    expect(found?.message).not.toContain('\n');
  });
});
