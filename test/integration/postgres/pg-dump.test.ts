import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Login, postgresProgram, psql } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

/** pg_dump dumps no server that is newer than itself, so it is Debian's. */
let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack({ debian: true, debianDatabases: ['restored', 'replayed'] });
  await sut.debian.administer('postgres', async client => {
    for (const name of ['restored', 'replayed']) {
      await client.query(`CREATE DATABASE ${name} OWNER ${sut.direct('debian').user}`);
    }
  });
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const dump = (login: Login, ...args: string[]) =>
  postgresProgram('pg_dump', login, ['--restrict-key=same', ...args]);

test('a dump through the gateway is the dump without it', async () => {
  const through = await dump(sut.login('dba', 'debian'));
  const around = await dump(sut.direct('debian'));

  expect(through).toMatchObject({ code: 0, stderr: '' });
  expect(around.stdout).toContain('COPY public.order_events_2026_01');
  expect(through.stdout === around.stdout).toBe(true);
}, 120_000);

test('pg_restore through the gateway makes the same database', async () => {
  const archive = join(sut.folder, 'shop.dump');

  const dumped = await postgresProgram('pg_dump', sut.login('dba', 'debian'), ['-Fc', '-f', archive]);
  const restored = await postgresProgram('pg_restore', sut.login('dba', 'debian/restored'), [
    ...['--exit-on-error', '-d', 'debian/restored', archive],
  ]);

  expect(dumped).toMatchObject({ code: 0, stderr: '' });
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  const [original, copy] = await Promise.all([
    dump(sut.direct('debian')),
    dump(sut.direct('debian', 'restored')),
  ]);
  expect(copy.stdout === original.stdout).toBe(true);
}, 120_000);

test('a plain dump that psql replays through the gateway makes the same database', async () => {
  const { stdout: script } = await dump(sut.login('dba', 'debian'));

  const replayed = await psql(sut.login('dba', 'debian/replayed'), ['-v', 'ON_ERROR_STOP=1'], {
    input: script,
  });

  expect(replayed).toMatchObject({ code: 0, stderr: '' });
  const copy = await dump(sut.direct('debian', 'replayed'));
  expect(copy.stdout === script).toBe(true);
}, 120_000);

test('a developer may not restore: nothing of the archive is made', async () => {
  const archive = join(sut.folder, 'again.dump');
  await postgresProgram('pg_dump', sut.direct('debian'), ['-Fc', '-t', 'orders', '-f', archive]);
  await sut.debian.administer('replayed', client => client.query('DROP SCHEMA public CASCADE'));
  await sut.debian.administer('replayed', client => client.query('CREATE SCHEMA public'));

  const restored = await postgresProgram('pg_restore', sut.login('dev', 'debian/replayed'), [
    ...['-d', 'debian/replayed', archive],
  ]);

  expect(restored.code).toBe(1);
  expect(restored.stderr).toContain('refused');
  const tables = await sut.debian.administer('replayed', client =>
    client.query("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
  );
  expect(tables.rowCount).toBe(0);
}, 60_000);
