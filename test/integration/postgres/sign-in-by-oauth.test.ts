import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { forgeToken } from '../support/tokens.ts';
import {
  columnsOf,
  type Encryption,
  errorFields,
  messages,
  saslInitialResponse,
  startup,
  WireClient,
} from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

/** Asks to sign in by SASL, and reads which mechanisms there are. */
async function begin(options = '-c sallyport.auth=oauth', encrypted = true) {
  const login = sut.login('dev');
  const encryption: Encryption = encrypted
    ? { kind: 'request', ca: readFileSync(login.ca!) }
    : { kind: 'none' };
  const wire = await WireClient.connect(login, encryption);
  wire.send(startup({ user: login.user, database: login.database, options }));
  const asked = await wire.expect('R');
  const mechanisms = asked.body.toString('latin1', 4).split('\0').filter(Boolean);
  return { wire, way: asked.body.readInt32BE(0), mechanisms };
}

const bearer = (token: string) => `n,,\x01auth=Bearer ${token}\x01\x01`;

test('an access token by OAUTHBEARER opens a session', async () => {
  const { wire, way, mechanisms } = await begin();

  wire.send(saslInitialResponse('OAUTHBEARER', bearer(sut.login('dev').password)));
  await wire.ready();

  expect({ way, mechanisms }).toEqual({ way: 10, mechanisms: ['OAUTHBEARER'] });
  expect(columnsOf((await wire.query('SELECT 7')).find(({ type }) => type === 'D')!)).toEqual(['7']);
  wire.end();
}, 30_000);

test('a client that asks is told where tokens come from, and the address is right', async () => {
  const { wire } = await begin();

  wire.send(saslInitialResponse('OAUTHBEARER', 'n,,\x01auth=\x01\x01'));
  const told = await wire.expect('R');
  wire.send(Buffer.concat([Buffer.from('p'), Buffer.from([0, 0, 0, 5]), Buffer.from([1])]));
  const end = await wire.until('E');

  expect(told.body.readInt32BE(0)).toBe(11);
  const answer = JSON.parse(told.body.toString('utf8', 4)) as Record<string, string>;
  const configuration = await fetch(answer['openid-configuration']!);
  expect(await configuration.json()).toMatchObject({ issuer: sut.stack.ready.identity.issuer });
  expect(errorFields(end.at(-1)!)['C']).toBe('28P01');
  await wire.closed();
}, 30_000);

test('other start-up options go on to the target', async () => {
  const { wire } = await begin('-c statement_timeout=4321ms -c sallyport.auth=oauth');

  wire.send(saslInitialResponse('OAUTHBEARER', bearer(sut.login('dev').password)));
  await wire.ready();

  const shown = await wire.query('SHOW statement_timeout');
  expect(columnsOf(shown.find(({ type }) => type === 'D')!)).toEqual(['4321ms']);
  wire.end();
}, 30_000);

describe('refused, and the connection closed', () => {
  test.each([
    ['a token that has expired', '28P01', async () => bearer(await forgeToken(sut, { exp: 1_700_000_000 }))],
    ['a token for somebody else', '28P01', async () => bearer(await forgeToken(sut, { aud: 'payroll' }))],
    ['two tokens', '28P01', async () => 'n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01'],
    ['a token that is none', '28P01', async () => bearer('abc')],
    ['another scheme', '28P01', async () => 'n,,\x01auth=Basic abc\x01\x01'],
    ['channel binding that is not there', '08P01', async () => 'p=tls-exporter,,\x01auth=Bearer a\x01\x01'],
    ['an identity beside that of the token', '08P01', async () => 'n,a=dba,\x01auth=Bearer a\x01\x01'],
    ['no separators', '08P01', async () => 'n,,auth=Bearer a'],
  ])(
    '%s',
    async (_, code, data) => {
      const { wire } = await begin();

      wire.send(saslInitialResponse('OAUTHBEARER', await data()));

      expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe(code);
      await wire.closed();
    },
    30_000,
  );

  test('another mechanism than the one offered', async () => {
    const { wire } = await begin();

    wire.send(saslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'));

    expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe('28P01');
    await wire.closed();
  }, 30_000);

  test('a length that is not that of the data', async () => {
    const { wire } = await begin();
    const message = saslInitialResponse('OAUTHBEARER', bearer('abc'));
    message.writeInt32BE(1_000_000, 5 + 'OAUTHBEARER'.length + 1);

    wire.send(message);

    expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe('08P01');
    await wire.closed();
  }, 30_000);

  test('a query instead of a credential', async () => {
    const { wire } = await begin();

    wire.send(messages.query('SELECT 1'));

    expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe('08P01');
    await wire.closed();
  }, 30_000);
});
