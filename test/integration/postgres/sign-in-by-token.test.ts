import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type Login, psql, sqlStateOf, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { forgeToken } from '../support/tokens.ts';
import { WireClient } from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
/** As dev, with another password. */
const by = (password: string, changes: Partial<Login> = {}): Login => ({
  ...sut.login('dev'),
  password,
  ...changes,
});
const stateOf = (login: Login) => sqlStateOf(withClient(login, async () => {}));

test("an access token as the password opens a session with the gateway's own login at the target", async () => {
  const { rows } = await withClient(sut.login('dev'), client => client.query('SELECT session_user AS name'));

  expect(rows[0].name).toBe(sut.direct().user);
});

test.each(['dev@shop.example', 'DEV@shop.example', 'dev', 'sallyport'])(
  'the user may be written %s',
  async user => {
    expect(await stateOf(by(sut.login('dev').password, { user }))).toBeUndefined();
  },
);

test("another person's name with one's own token is refused, with a sentence that says what to write", async () => {
  const end = await psql(by(sut.login('dev').password, { user: 'dba@shop.example' }), ['-c', 'SELECT 1']);

  expect(end.code).toBe(2);
  expect(end.stderr).toContain('is not whom the credential belongs to');
  expect(end.stderr).toContain('Write "dev@shop.example" or "sallyport" as the user');
});

test('a token that an identity provider could have given is taken, so what follows is refused for its own reason', async () => {
  expect(await stateOf(by(await forgeToken(sut)))).toBeUndefined();
});

describe('refused with 28P01', () => {
  test.each<[string, JWTPayload]>([
    ['meant for another audience', { aud: 'payroll' }],
    ['expired', { exp: secondsFromNow(-120) }],
    ['not valid yet', { nbf: secondsFromNow(300) }],
    ['of another issuer', { iss: 'https://login.example.org' }],
    ['without a subject', { sub: '' }],
    ['without a time', { exp: 0 }],
    ['that is an ID token', { at_hash: 'abc' }],
    ['that is bound to a key', { cnf: { jkt: 'abc' } }],
    ['with groups that are no names', { groups: [7] }],
  ])('a token %s', async (_, changes) => {
    expect(await stateOf(by(await forgeToken(sut, changes)))).toBe('28P01');
  });

  test('a token that another key has signed', async () => {
    const { privateKey } = await generateKeyPair('RS256');

    expect(await stateOf(by(await forgeToken(sut, {}, privateKey)))).toBe('28P01');
  });

  test('a token with one letter of its signature changed', async () => {
    const token = sut.login('dev').password;
    const middle = token.length - 20;
    const changed = `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;

    expect(await stateOf(by(changed))).toBe('28P01');
  });

  test('a token that says it needs no signature', async () => {
    const [, payload] = sut.login('dev').password.split('.');
    const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');

    expect(await stateOf(by(`${header}.${payload}.AA`))).toBe('28P01');
  });

  test('a token whose MAC is made with the public key', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
    const token = await new SignJWT({ sub: 'dba' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(sut.stack.ready.identity.issuer)
      .setAudience('sallyport')
      .setExpirationTime('10m')
      .sign(secret);

    expect(await stateOf(by(token, { user: 'sallyport' }))).toBe('28P01');
  });

  test.each([
    ['an empty password', ''],
    ['the letters that a person would try', 'hunter2'],
    ['three dots', '...'],
    ['a long word', 'x'.repeat(30_000)],
  ])('%s', async (_, password) => {
    await expect(WireClient.signIn(by(password))).rejects.toMatchObject({ code: '28P01' });
  });
});

test('none of the refused came near the target', async () => {
  const before = await connectionsOfGateway();

  await stateOf(by('hunter2'));
  await stateOf(by(await forgeToken(sut, { aud: 'payroll' })));

  expect(await connectionsOfGateway()).toBe(before);
});

test('who may not open a target is refused with 28000', async () => {
  expect(await stateOf(sut.login('auditor'))).toBe('28000');
});

test('a target that there is not is refused with 3D000, and so is a database that its target has not', async () => {
  expect(await stateOf(sut.login('dev', 'warehouse'))).toBe('3D000');
  expect(await stateOf(sut.login('dev', 'shop/postgres'))).toBe('3D000');
});

test('a target may be named with its database', async () => {
  expect(await stateOf(sut.login('dev', 'shop/shop'))).toBeUndefined();
});

/** Sessions that the gateway's login has had at the target. */
function connectionsOfGateway(): Promise<number> {
  return sut.stack.postgres.administer('postgres', async client => {
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query("SELECT sessions FROM pg_stat_database WHERE datname = 'shop'");
    return Number(rows[0].sessions);
  });
}
