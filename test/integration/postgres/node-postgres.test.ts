import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client, Notification, QueryConfig } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { openClient, sqlStateOf, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack({ debian: true });
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe.each([
  ['the embedded PostgreSQL 18', 'shop'],
  ["Debian's PostgreSQL 15", 'debian'],
] as const)('node-postgres at %s', (_, target) => {
  const as = <T>(person: 'dev' | 'dba', action: (client: Client) => Promise<T>) =>
    withClient({ ...sut.login(person, target) }, action);
  const around = <T>(action: (client: Client) => Promise<T>) => withClient(sut.direct(target), action);

  test('values of many types come as they do without the gateway, as text and in binary', async () => {
    const text = `SELECT 1::int2 a, -2::int4 b, 3::int8 c, 1.5::float8 d, 'naïve 😀'::text e, true f,
      '\\xdeadbeef'::bytea g, NULL::text h, '2026-01-02T03:04:05Z'::timestamptz i, $1::int4 j`;
    for (const binary of [false, true]) {
      const query = { text, values: [7], binary } as QueryConfig;

      const through = await as('dev', client => client.query(query));

      expect(through.rows).toEqual((await around(client => client.query(query))).rows);
    }
  });

  test('a named statement is parsed once and run many times', async () => {
    const rows = await as('dev', async client => {
      const all = [];
      for (let id = 1; id <= 20; id += 1) {
        const { rows } = await client.query({
          name: 'order-by-id',
          text: 'SELECT id FROM orders WHERE id = $1',
          values: [id],
        });
        all.push(...rows);
      }
      return all;
    });

    expect(rows.map(row => row.id)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('a refused statement with parameters is refused with 42501, and the session goes on', async () => {
    await as('dev', async client => {
      const refused = await sqlStateOf(
        client.query('UPDATE customers SET name = $1 WHERE id = $2', ['Mallory', 1]),
      );
      const { rows } = await client.query('SELECT name FROM customers WHERE id = $1', [1]);

      expect(refused).toBe('42501');
      expect(rows[0].name).not.toBe('Mallory');
    });
  });

  test('a refused statement with parameters fails its transaction', async () => {
    await as('dev', async client => {
      await client.query('BEGIN');
      await client.query('UPDATE orders SET total = 999 WHERE id = $1', [2]);
      const refused = await sqlStateOf(client.query('DELETE FROM customers WHERE id = $1', [1]));
      const after = await sqlStateOf(client.query('SELECT 1'));
      const { command } = await client.query('COMMIT');

      expect({ refused, after, command }).toEqual({ refused: '42501', after: '25P02', command: 'ROLLBACK' });
    });
    const { rowCount } = await around(client => client.query('SELECT FROM orders WHERE total = 999'));
    expect(rowCount).toBe(0);
  });

  test('a cursor reads some rows at a time (portals that are executed again)', async () => {
    const batches = await as('dev', async client => {
      const cursor = client.query(
        new Cursor<{ i: number }>('SELECT i FROM generate_series(1, $1::int) i', [25]),
      );
      const list = [];
      for (;;) {
        const rows = await cursor.read(10);
        list.push(rows.map(row => row.i));
        if (rows.length < 10) break;
      }
      await cursor.close();
      return list;
    });

    expect(batches.map(batch => batch.length)).toEqual([10, 10, 5]);
    expect(batches.flat()).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
  });

  test('a stream of 20,000 rows is whole', async () => {
    const sum = await as('dev', async client => {
      const stream = client.query(
        new QueryStream('SELECT i FROM generate_series(1, 20000) i', [], { batchSize: 1000 }),
      );
      let total = 0;
      for await (const row of stream) total += (row as { i: number }).i;
      return total;
    });

    expect(sum).toBe((20_000 * 20_001) / 2);
  });

  test('COPY brings rows in and out as streams', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `${index}\tline ${index}\n`);
    const out: Buffer[] = [];

    await as('dba', async client => {
      await client.query('CREATE TABLE streamed (id int, words text)');
      await pipeline(Readable.from(lines), client.query(copyFrom('COPY streamed FROM STDIN')));
      const stream = client.query(copyTo('COPY (SELECT * FROM streamed ORDER BY id) TO STDOUT'));
      for await (const chunk of stream) out.push(chunk as Buffer);
      await client.query('DROP TABLE streamed');
    });

    expect(Buffer.concat(out).toString()).toBe(lines.join(''));
  });

  test('a COPY that the client gives up leaves nothing, and the session goes on', async () => {
    const { failure, rows } = await as('dba', async client => {
      await client.query('CREATE TEMP TABLE given_up (id int)');
      const stream = client.query(copyFrom('COPY given_up FROM STDIN'));
      // Two errors: the one that it is given up with, and the server's word on it.
      const failed = new Promise<{ code?: string }>(resolve => {
        stream.on('error', (error: { code?: string }) => error.code && resolve(error));
      });
      stream.write('1\n2\n');
      stream.destroy(new Error('changed my mind'));
      return { failure: (await failed).code, rows: (await client.query('SELECT FROM given_up')).rowCount };
    });

    expect({ failure, rows }).toEqual({ failure: '57014', rows: 0 });
  });

  test('a notice reaches the client', async () => {
    const words = await as('dba', async client => {
      const heard = once(client, 'notice');
      await client.query("DO $$ BEGIN RAISE NOTICE 'from the server'; END $$");
      return ((await heard) as [{ message: string }])[0].message;
    });

    expect(words).toBe('from the server');
  });

  test('what one session NOTIFYs another hears, while it does nothing', async () => {
    const listener = await openClient(sut.login('dev', target));
    const heard = once(listener, 'notification') as Promise<[Notification]>;
    await listener.query('LISTEN parcels');

    await as('dev', client => client.query("NOTIFY parcels, 'number 7'"));

    expect((await heard)[0]).toMatchObject({ channel: 'parcels', payload: 'number 7' });
    await listener.end();
  });

  test('settings that the server reports reach the client', async () => {
    await as('dev', async client => {
      await client.query("SET application_name = 'a new name'");

      const { rows } = await client.query('SHOW application_name');

      expect(rows[0].application_name).toBe('a new name');
    });
  });

  test("the server's own errors keep all their fields", async () => {
    const failing = (client: Client) =>
      client
        .query('INSERT INTO orders SELECT * FROM orders WHERE id = $1', [1])
        .catch((error: object) => error);

    const through = await as('dba', failing);

    const plain = (error: unknown) => JSON.parse(JSON.stringify(error)) as unknown;
    expect(plain(through)).toEqual(plain(await around(failing)));
    expect(through).toMatchObject({ code: '23505', constraint: 'orders_pkey' });
  });
});
