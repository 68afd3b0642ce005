/** How the gateway signs in at a target: each way that a server can ask for, and each that it must not give in to. */
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '#local/ports.ts';
import type { PostgresServer } from '#local/postgres.ts';
import { type TemporaryFolder, temporaryFolder } from '../../harness/temporary-folder.ts';
import { type Authority, makeAuthority } from '../support/authority.ts';
import { startDebianPostgres } from '../support/debian-postgres.ts';
import { psql, sqlStateOf, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { sslRequest } from '../support/wire-client.ts';

/** SASLprep turns the space that is none into one, and leaves the umlaut. */
const password = 'pä\u00a0ss word';

let folder: TemporaryFolder;
let server: PostgresServer;
let plainServer: PostgresServer;
let ours: Authority;
let interceptor: Server;
let sut: TestStack;

const logins = {
  scram: { user: 'by_scram' },
  md5: { user: 'by_md5' },
  clear: { user: 'by_password' },
  trusted: { user: 'by_trust' },
  certified: { user: 'by_certificate' },
} as const;

beforeAll(async () => {
  folder = await temporaryFolder('test');
  ours = await makeAuthority(folder.path, 'ours');
  const theirs = await makeAuthority(folder.path, 'theirs');
  const tls = await ours.issue('server', 'serverAuth', ['DNS:localhost']);
  const client = await ours.issue(logins.certified.user, 'clientAuth');
  server = await startDebianPostgres(folder.path, {
    tls: { ...tls, ca: ours.ca },
    accessRules: [
      'host all by_scram all scram-sha-256',
      'host all by_md5 all md5',
      'host all by_password all password',
      'host all by_trust all trust',
      'hostssl all by_certificate all cert',
      'host all postgres all scram-sha-256',
    ],
  });
  plainServer = await startDebianPostgres(`${folder.path}/plain`);
  await server.administer('postgres', async admin => {
    for (const [method, { user }] of Object.entries(logins)) {
      await admin.query(`SET password_encryption = '${method === 'md5' ? 'md5' : 'scram-sha-256'}'`);
      await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD ${admin.escapeLiteral(password)}`);
    }
  });
  interceptor = await startInterceptor(await ours.issue('interceptor', 'serverAuth', ['DNS:localhost']));

  const ca = await readFile(ours.ca, 'utf8');
  const target = (secret: string, tlsPart: object, host = 'localhost', port = server.port) => ({
    protocol: 'postgres',
    secret: `sallyport/targets/${secret}`,
    host,
    port,
    database: 'postgres',
    tls: tlsPart,
  });
  const verified = { mode: 'verify-full', ca };
  const interceptorPort = (interceptor.address() as { port: number }).port;
  sut = await startTestStack({
    targets: {
      'scram-plain': target('scram', { mode: 'disable' }, '127.0.0.1'),
      'scram-plus': target('scram', verified),
      'md5-plain': target('md5', { mode: 'disable' }, '127.0.0.1'),
      'md5-tls': target('md5', verified),
      'clear-tls': target('clear', verified),
      'clear-plain': target('clear', { mode: 'disable' }, '127.0.0.1'),
      trusted: target('trusted', verified),
      certified: target('certified', verified),
      'not-certified': target('uncertified', verified),
      'wrong-ca': target('scram', { mode: 'verify-full', ca: await readFile(theirs.ca, 'utf8') }),
      'wrong-ca-chain-only': target('scram', { mode: 'verify-ca', ca: await readFile(theirs.ca, 'utf8') }),
      'wrong-name': target('scram', verified, '127.0.0.1'),
      'wrong-name-chain-only': target('scram', { mode: 'verify-ca', ca }, '127.0.0.1'),
      'no-tls-there': target('scram', verified, 'localhost', plainServer.port),
      intercepted: target('scram', verified, 'localhost', interceptorPort),
      'intercepted-certificate': target('trusted', verified, 'localhost', interceptorPort),
      'wrong-password': target('wrong', verified),
      nobody: target('scram', { mode: 'disable' }, '127.0.0.1', await freePort()),
    },
  });
  const pem = async (path: string) => readFile(path, 'utf8');
  for (const [name, { user }] of Object.entries(logins)) {
    const withCertificate = { certificate: await pem(client.cert), key: await pem(client.key) };
    await sut.stack.putSecret(`sallyport/targets/${name}`, {
      username: user,
      ...(name === 'certified' ? withCertificate : { password }),
    });
  }
  await sut.stack.putSecret('sallyport/targets/uncertified', { username: 'by_certificate', password });
  await sut.stack.putSecret('sallyport/targets/wrong', { username: 'by_scram', password: 'another' });
}, 120_000);

afterAll(async () => {
  await sut?.stop();
  interceptor?.close();
  await Promise.all([server?.stop(), plainServer?.stop()]);
  await folder?.[Symbol.asyncDispose]();
}, 60_000);

describe('signs in', () => {
  test.each([
    ['by SCRAM-SHA-256 without TLS', 'scram-plain', 'by_scram', false],
    ['by SCRAM-SHA-256-PLUS over TLS', 'scram-plus', 'by_scram', true],
    ['by MD5 without TLS', 'md5-plain', 'by_md5', false],
    ['by MD5 over TLS', 'md5-tls', 'by_md5', true],
    ['by a password in the clear over TLS', 'clear-tls', 'by_password', true],
    ['where the server asks for nothing', 'trusted', 'by_trust', true],
    ['by client certificate', 'certified', 'by_certificate', true],
    [
      'under a name that is not checked where the configuration says so',
      'wrong-name-chain-only',
      'by_scram',
      true,
    ],
  ])(
    '%s',
    async (_, target, user, encrypted) => {
      const { rows } = await withClient(sut.login('dba', target), client =>
        client.query('SELECT session_user AS user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'),
      );

      expect(rows).toEqual([{ user, ssl: encrypted }]);
    },
    30_000,
  );
});

describe('is refused with 08001', () => {
  test.each([
    ['a certificate of another authority', 'wrong-ca', 'could not be verified by TLS'],
    [
      'another authority, where only the chain is checked',
      'wrong-ca-chain-only',
      'could not be verified by TLS',
    ],
    ['a certificate for another name', 'wrong-name', 'could not be verified by TLS'],
    ['a server that has no TLS', 'no-tls-there', 'does not offer TLS'],
    ['a password in the clear without TLS', 'clear-plain', 'cleartext password without TLS'],
    ['a client certificate that there is none of', 'not-certified', "refused the gateway's own login"],
    ['a wrong password', 'wrong-password', "refused the gateway's own login"],
    ['a server that is not there', 'nobody', 'cannot be reached'],
  ])(
    '%s',
    async (_, target, words) => {
      const end = await psql(sut.login('dba', target), ['-c', 'SELECT 1']);

      expect(end.code).toBe(2);
      expect(end.stderr).toContain(words);
      expect(end.stderr).not.toContain('by_');
      expect(await sqlStateOf(withClient(sut.login('dba', target), async () => {}))).toBe('08001');
    },
    30_000,
  );

  test('somebody in between with a certificate of the right authority: the login is bound to the channel', async () => {
    // Without SCRAM nothing is bound, and the interceptor goes unnoticed: so it works, and is noticed by SCRAM alone.
    const unbound = await sqlStateOf(withClient(sut.login('dba', 'intercepted-certificate'), async () => {}));
    const bound = await sqlStateOf(withClient(sut.login('dba', 'intercepted'), async () => {}));

    expect({ unbound, bound }).toEqual({ unbound: undefined, bound: '08001' });
  }, 30_000);
});

/** Ends TLS towards the gateway with a certificate of its own, and begins it anew towards the server. */
async function startInterceptor(pair: { cert: string; key: string }): Promise<Server> {
  const [cert, key] = await Promise.all([readFile(pair.cert), readFile(pair.key)]);
  const inner = createTlsServer({ cert, key, ALPNProtocols: ['postgresql'] }, near => {
    const far = connectTcp(server.port, '127.0.0.1');
    far.on('error', () => near.destroy());
    far.write(sslRequest);
    far.once('data', () => {
      const encrypted = connectTls({ socket: far, rejectUnauthorized: false });
      encrypted.on('error', () => near.destroy());
      near.pipe(encrypted).pipe(near);
    });
    near.on('error', () => far.destroy());
  });
  const outer = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S');
      inner.emit('connection', socket);
    });
  });
  await new Promise<void>(resolve => outer.listen(0, '127.0.0.1', resolve));
  return outer;
}
