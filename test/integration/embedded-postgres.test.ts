import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Pki, preparePki } from '#local/pki.ts';
import { freePort } from '#local/ports.ts';
import { type PostgresServer, startPostgres } from '#local/postgres.ts';
import { embeddedBinaries } from '#local/postgres-binaries.ts';
import { prepareShop, type ShopLogin } from '#local/shop.ts';
import { unprivileged } from '#local/unprivileged.ts';
import { psql } from '../harness/psql.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/temporary-folder.ts';

let folder: TemporaryFolder;
let pki: Pki;
let server: PostgresServer;
let login: ShopLogin;

const start = async () =>
  startPostgres({
    binaries: await embeddedBinaries(),
    folder: join(folder.path, 'postgres'),
    port: await freePort(),
    logFile: join(folder.path, 'postgres.log'),
    tls: pki.servers['postgres']!,
  });

beforeAll(async () => {
  folder = await temporaryFolder('postgres');
  pki = await preparePki(join(folder.path, 'pki'), ['postgres']);
  server = await start();
  login = await prepareShop(server, 'a-password');
});

afterAll(async () => {
  await server.stop();
  await folder[Symbol.asyncDispose]();
});

const env = (changes: Record<string, string> = {}) => ({
  PGHOST: 'localhost',
  PGPORT: String(server.port),
  PGUSER: login.user,
  PGPASSWORD: login.password,
  PGDATABASE: login.database,
  PGSSLMODE: 'verify-full',
  PGSSLROOTCERT: pki.ca,
  ...changes,
});

describe('the sample PostgreSQL', () => {
  test('holds the shop, and lets its own login in over verified TLS', async () => {
    const { code, stdout } = await psql(env(), [
      'SELECT count(*) FROM customers',
      'SELECT count(*) FROM orders',
      'SELECT count(*) FROM order_events_other',
      "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'sallyport_shop'",
    ]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: '1000\n5000\n0\nf\n' });
  });

  test('is the same shop on every machine', async () => {
    const { stdout } = await psql(env(), [
      "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c",
    ]);

    expect(stdout.trim()).toBe('aab033d528a1f960515d96431597407f');
  });

  test('refuses a wrong password', async () => {
    const { code, stderr } = await psql(env({ PGPASSWORD: 'another' }), ['SELECT 1']);

    expect(code).toBe(2);
    expect(stderr).toContain('password authentication failed');
  });

  test('keeps its data to the one it runs as', async () => {
    const { uid, mode } = await stat(join(folder.path, 'postgres', 'data'));

    expect(uid).toBe(unprivileged?.uid ?? process.getuid?.());
    expect(mode & 0o777).toBe(0o700);
  });

  test('comes back with its data after SIGKILL, though its mark is left behind', async () => {
    await psql(env(), ["UPDATE customers SET notes = 'still here' WHERE id = 1"]);
    await server.child.stop(['SIGKILL'], 5000);

    server = await start();

    const { stdout } = await psql(env(), ['SELECT notes FROM customers WHERE id = 1']);
    expect(stdout).toBe('still here\n');
  });

  test('is left alone when it is prepared once more, save the password', async () => {
    login = await prepareShop(server, 'a-new-password');

    const { stdout } = await psql(env(), ['SELECT count(*) FROM customers']);

    expect(stdout).toBe('1000\n');
  });
});
