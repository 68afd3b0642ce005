import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { psql } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  errorFields,
  gssEncryptionRequest,
  sslRequest,
  startup,
  WireClient,
} from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const ca = () => readFileSync(sut.login('dev').ca!);
const opens = (env: Record<string, string>) => psql(sut.login('dev'), ['-c', "SELECT 'in'"], { env });

describe('by libpq', () => {
  test.each(['verify-full', 'verify-ca', 'require', 'prefer', 'allow', 'disable'])(
    'sslmode=%s on loopback',
    async mode => {
      expect(await opens({ PGSSLMODE: mode })).toMatchObject({ code: 0, stdout: 'in\n' });
    },
  );

  test('by address, which the certificate names too', async () => {
    expect(await opens({ PGHOST: '127.0.0.1' })).toMatchObject({ code: 0, stdout: 'in\n' });
  });

  test('a client that verifies the name refuses the gateway under another one', async () => {
    const end = await opens({ PGHOST: 'gateway.example', PGHOSTADDR: '127.0.0.1' });

    expect(end.code).toBe(2);
    expect(end.stderr).toContain('does not match host name "gateway.example"');
  });

  test('a client that asks for GSSAPI encryption first is told no, and goes on by TLS', async () => {
    const wire = connectTcp(sut.login('dev').port, '127.0.0.1');
    await once(wire, 'connect');

    wire.write(gssEncryptionRequest);
    const [gss] = (await once(wire, 'data')) as [Buffer];
    wire.write(sslRequest);
    const [tls] = (await once(wire, 'data')) as [Buffer];

    expect([gss.toString(), tls.toString()]).toEqual(['N', 'S']);
    wire.destroy();
  });
});

describe('TLS from the first byte', () => {
  test('with the protocol named by ALPN', async () => {
    const login = sut.login('dev');

    const wire = await WireClient.signIn(login, {
      encryption: { kind: 'direct', ca: ca(), alpn: ['postgresql'] },
    });

    expect((await wire.query('SELECT 1')).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
    wire.end();
  });

  test('without ALPN is refused', async () => {
    const wire = await WireClient.connect(sut.login('dev'), { kind: 'direct', ca: ca(), alpn: [] });

    await wire.closed();
  });

  test('with another protocol named is refused in the handshake', async () => {
    await expect(
      WireClient.connect(sut.login('dev'), { kind: 'direct', ca: ca(), alpn: ['http/1.1'] }),
    ).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
  });
});

test('versions of TLS before 1.2 are refused', async () => {
  const socket = connectTls({
    host: 'localhost',
    port: sut.login('dev').port,
    ca: ca(),
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
    ALPNProtocols: ['postgresql'],
  });

  const ended = await new Promise<string>(resolve => {
    socket.once('secureConnect', () => resolve('connected'));
    socket.once('error', () => resolve('refused'));
  });

  expect(ended).toBe('refused');
  socket.destroy();
});

test('what is sent ahead of the answer to SSLRequest is never taken as if it had come encrypted', async () => {
  const login = sut.login('dev');
  const wire = await WireClient.connect(login);

  wire.send(Buffer.concat([sslRequest, startup({ user: login.user, database: login.database })]));

  expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe('08P01');
  await wire.closed();
});

test('TLS inside TLS is refused', async () => {
  const login = sut.login('dev');
  const wire = await WireClient.connect(login, { kind: 'request', ca: ca() });

  wire.send(sslRequest);

  expect(errorFields((await wire.until('E')).at(-1)!)['C']).toBe('08P01');
  await wire.closed();
});

test('a TLS client that presents half a handshake does no harm to the next', async () => {
  const half = connectTcp(sut.login('dev').port, '127.0.0.1');
  await once(half, 'connect');
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));

  expect(await opens({})).toMatchObject({ code: 0, stdout: 'in\n' });
  half.destroy();
});
