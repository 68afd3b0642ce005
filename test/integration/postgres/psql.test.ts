import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { psql } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack({ debian: true });
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe.each([
  ['the embedded PostgreSQL 18', 'shop'],
  ["Debian's PostgreSQL 15", 'debian'],
] as const)('psql at %s', (_, target) => {
  const direct = (sql: string) => psql(sut.direct(target), ['-c', sql]).then(end => end.stdout.trim());
  const script = (person: 'dev' | 'dba', lines: readonly string[]) =>
    psql(sut.login(person, target), [], { input: `${lines.join('\n')}\n` });

  test('reads what it would read without the gateway', async () => {
    const sql = 'SELECT * FROM orders ORDER BY id LIMIT 20';

    const end = await psql(sut.login('dev', target), ['-c', sql]);

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout.trim()).toBe(await direct(sql));
  });

  test('is the major version that it should be', async () => {
    const end = await psql(sut.login('dev', target), ['-c', 'SHOW server_version_num']);

    expect(end.stdout.slice(0, 2)).toBe(target === 'shop' ? '18' : '15');
  });

  test.each(['SELECT * FORM orders', "SELECT 'ünïcode', FROM orders", 'SELECT 1 +'])(
    'a syntax error is told as the server tells it: %s',
    async text => {
      const through = await psql(sut.login('dev', target), ['-v', 'VERBOSITY=verbose', '-c', text]);
      const without = await psql(sut.direct(target), ['-v', 'VERBOSITY=verbose', '-c', text]);

      const said = (stderr: string) => stderr.replace(/^LOCATION:.*\n/m, '');
      expect(said(through.stderr)).toBe(said(without.stderr));
      expect(through.stderr).toContain('42601');
    },
  );

  test('a write that policy does not permit is refused with 42501, and the session goes on', async () => {
    const end = await script('dev', [
      '\\set VERBOSITY verbose',
      "UPDATE customers SET name = 'Mallory' WHERE id = 1;",
      "SELECT 'the session goes on';",
    ]);

    expect(end.stderr).toMatch(/ERROR: {2}42501: UPDATE refused/);
    expect(end.stderr).toContain('Decided by Sallyport');
    expect(end.stdout).toContain('the session goes on');
    expect(await direct("SELECT count(*) FROM customers WHERE name = 'Mallory'")).toBe('0');
  });

  test('a DELETE without WHERE is refused in the words of the policy that refuses it', async () => {
    const before = await direct('SELECT count(*) FROM orders');

    const end = await psql(sut.login('dba', target), ['-c', 'DELETE FROM orders']);

    expect(end.code).toBe(1);
    expect(end.stderr).toContain('would delete every row: add a condition');
    expect(end.stderr).toContain('no-delete-without-where');
    expect(await direct('SELECT count(*) FROM orders')).toBe(before);
  });

  test('a statement that is permitted is done', async () => {
    const end = await psql(sut.login('dev', target), [
      '-c',
      "UPDATE orders SET status = 'shipped' WHERE id = 1",
    ]);

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(await direct('SELECT status FROM orders WHERE id = 1')).toBe('shipped');
  });

  test('a refusal inside a transaction fails the transaction: nothing of it is committed', async () => {
    const before = await direct('SELECT count(*) FROM orders');
    const insert =
      "INSERT INTO orders (customer_id, status, total, placed_at) VALUES (1, 'placed', 1, now());";

    const end = await script('dev', [
      'BEGIN;',
      insert,
      'DELETE FROM orders;',
      'SELECT 1;',
      'COMMIT;',
      '\\echo :SQLSTATE',
    ]);

    expect(end.stderr).toContain('DELETE refused');
    expect(end.stderr).toContain('current transaction is aborted');
    expect(await direct('SELECT count(*) FROM orders')).toBe(before);
  });

  test('a text with one statement that is refused is refused as a whole', async () => {
    const before = await direct('SELECT count(*) FROM orders');
    const insert =
      "INSERT INTO orders (customer_id, status, total, placed_at) VALUES (1, 'placed', 1, now())";

    const end = await psql(sut.login('dev', target), ['-c', `${insert}; DELETE FROM orders`]);

    expect(end.code).toBe(1);
    expect(await direct('SELECT count(*) FROM orders')).toBe(before);
  });

  test.each([
    '\\d',
    '\\d+ customers',
    '\\d+ customer_orders',
    '\\d+ order_events',
    '\\dt+',
    '\\di',
    '\\df pg_sleep',
    '\\du',
    '\\l',
    '\\dn+',
    '\\dx',
    '\\dp',
    '\\ds',
  ])('%s says what it says without the gateway', async command => {
    const [through, around] = await Promise.all([
      psql(sut.login('dev', target), ['-c', command]),
      psql(sut.direct(target), ['-c', command]),
    ]);

    expect(through.stderr).toBe(around.stderr);
    expect(through.stdout).toBe(around.stdout);
    // psql 15 does not know all of a server 18: then it is the error that is the same.
    expect(through.stdout + through.stderr).not.toBe('');
  });

  test('rows in batches (FETCH_COUNT) are the same rows', async () => {
    const sql = 'SELECT id, total FROM orders ORDER BY id';

    const end = await script('dev', ['\\set FETCH_COUNT 7', `${sql};`]);

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout.trim()).toBe(await direct(sql));
  });

  test('\\copy brings rows out and in', async () => {
    const file = join(sut.folder, `${target}.csv`);
    const sql = 'SELECT * FROM orders ORDER BY id';

    const out = await script('dba', [`\\copy (${sql}) TO '${file}' CSV`]);
    const into = await script('dba', [
      'CREATE TABLE copied (LIKE orders);',
      `\\copy copied FROM '${file}' CSV`,
    ]);

    expect(out).toMatchObject({ code: 0, stderr: '' });
    expect(into).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(
      Number(await direct('SELECT count(*) FROM orders')),
    );
    expect(await direct('SELECT * FROM copied ORDER BY id')).toBe(await direct(sql));
  });

  test('\\copy into a table that policy keeps closed is refused before a row is read', async () => {
    const file = join(sut.folder, 'customers.csv');
    await writeFile(file, '900001,Mallory,m@example.org,1,2,3,2000-01-01,,2026-01-01\n');

    const end = await script('dev', [`\\copy customers FROM '${file}' CSV`, 'SELECT 2;']);

    expect(end.stderr).toContain('refused');
    expect(end.stdout.trim()).toBe('2');
    expect(await direct('SELECT count(*) FROM customers WHERE id = 900001')).toBe('0');
  });

  test("the server's own errors come as they are", async () => {
    const end = await script('dba', ['\\set VERBOSITY verbose', 'SELECT 1/0;', 'SELECT 3;']);

    expect(end.stderr).toMatch(/ERROR: {2}22012: division by zero/);
    expect(end.stdout.trim()).toBe('3');
  });
});
