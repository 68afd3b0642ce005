import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { columnsOf, errorFields, int32, type Message, messages, WireClient } from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const { bind, close, describe: ask, execute, flush, parse, query, sync } = messages;

const signIn = (person: 'dev' | 'dba' = 'dev') => WireClient.signIn(sut.login(person));
const kinds = (list: readonly Message[]) => list.map(message => message.type).join('');
const rowsOf = (list: readonly Message[]) =>
  list.filter(message => message.type === 'D').map(message => columnsOf(message)[0]);
const codesOf = (list: readonly Message[]) =>
  list.filter(message => message.type === 'E').map(message => errorFields(message)['C']);

/** Execute with a row limit. */
function executeSome(portal: string, rows: number): Buffer {
  const body = Buffer.concat([Buffer.from(`${portal}\0`), int32(rows)]);
  return Buffer.concat([Buffer.from('E'), int32(4 + body.length), body]);
}

async function cycles(wire: WireClient, count: number): Promise<Message[]> {
  const all: Message[] = [];
  for (let index = 0; index < count; index += 1) all.push(...(await wire.until('Z')));
  return all;
}

test('1,000 statements in one pipeline, one Sync, are answered in order', async () => {
  const wire = await signIn();
  const statements = Array.from({ length: 1000 }, (_, index) => [
    parse('', `SELECT ${index}`),
    bind('', ''),
    execute(''),
  ]).flat();

  wire.send(...statements, sync());

  const answer = await wire.until('Z');
  expect(kinds(answer)).toBe(`${'12DC'.repeat(1000)}Z`);
  expect(rowsOf(answer)).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));
  wire.end();
}, 60_000);

test('1,000 statements, each with its Sync, sent without waiting, are answered in order', async () => {
  const wire = await signIn();
  wire.send(parse('twice', 'SELECT $1::int * 2'), sync());
  await wire.until('Z');

  wire.send(
    ...Array.from({ length: 1000 }, (_, index) => [
      bind('', 'twice', String(index)),
      execute(''),
      sync(),
    ]).flat(),
  );

  expect(rowsOf(await cycles(wire, 1000))).toEqual(
    Array.from({ length: 1000 }, (_, index) => String(2 * index)),
  );
  wire.end();
}, 60_000);

test('1,000 simple queries, sent without waiting, are answered in order', async () => {
  const wire = await signIn();

  wire.send(...Array.from({ length: 1000 }, (_, index) => query(`SELECT ${index}`)));

  expect(rowsOf(await cycles(wire, 1000))).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));
  wire.end();
}, 60_000);

test('a refusal in the middle of a pipeline undoes what stands before it and skips the rest up to Sync', async () => {
  const wire = await signIn();
  const total = 'SELECT total FROM orders WHERE id = 5';
  const before = rowsOf(await wire.query(total));

  wire.send(
    ...[parse('', 'UPDATE orders SET total = 123456 WHERE id = 5'), bind('', ''), execute('')],
    ...[parse('', 'DELETE FROM customers WHERE id = 1'), bind('', ''), execute('')],
    ...[parse('', "SELECT 'never'"), bind('', ''), execute(''), sync()],
    ...[parse('', "SELECT 'after'"), bind('', ''), execute(''), sync()],
  );

  const first = await wire.until('Z');
  expect(kinds(first)).toBe('12CEZ');
  expect(codesOf(first)).toEqual(['42501']);
  expect(rowsOf(await wire.until('Z'))).toEqual(['after']);
  expect(rowsOf(await wire.query(total))).toEqual(before);
  wire.end();
}, 30_000);

test('a refused simple query between others leaves them as they are', async () => {
  const wire = await signIn();

  wire.send(query('SELECT 1'), query('DELETE FROM customers'), query('SELECT 2'));

  const answer = await cycles(wire, 3);
  expect(rowsOf(answer)).toEqual(['1', '2']);
  expect(codesOf(answer)).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a portal is executed again until it is empty', async () => {
  const wire = await signIn();
  wire.send(parse('', 'SELECT i FROM generate_series(1, 5) i'), bind('p', ''), ask('P', 'p'));

  wire.send(executeSome('p', 2), executeSome('p', 2), executeSome('p', 2), close('P', 'p'), sync());

  const answer = await wire.until('Z');
  expect(kinds(answer)).toBe('12TDDsDDsDC3Z');
  expect(rowsOf(answer)).toEqual(['1', '2', '3', '4', '5']);
  wire.end();
}, 30_000);

test('Flush is answered without Sync', async () => {
  const wire = await signIn();

  wire.send(parse('s', 'SELECT $1::int'), ask('S', 's'), flush());

  expect(kinds(await wire.until('T'))).toBe('1tT');
  wire.send(bind('', 's', '8'), execute(''), sync());
  expect(rowsOf(await wire.until('Z'))).toEqual(['8']);
  wire.end();
}, 30_000);

test('a statement that is closed may get another meaning, and is decided by it', async () => {
  const wire = await signIn();
  wire.send(parse('s', 'SELECT 1'), close('S', 's'), sync());
  await wire.until('Z');

  wire.send(parse('s', 'DELETE FROM customers WHERE id = 1'), bind('', 's'), execute(''), sync());

  expect(codesOf(await wire.until('Z'))).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a statement that was refused has no name afterwards', async () => {
  const wire = await signIn();
  wire.send(parse('s', 'DELETE FROM customers WHERE id = 1'), sync());
  await wire.until('Z');

  wire.send(bind('', 's'), execute(''), sync());

  expect(codesOf(await wire.until('Z'))).toHaveLength(1);
  wire.end();
}, 30_000);

test('what SQL prepares is executed by SQL and by protocol', async () => {
  const wire = await signIn();
  await wire.query('PREPARE by_sql (int) AS SELECT id FROM orders WHERE id = $1');

  const bySql = await wire.query('EXECUTE by_sql (4)');
  wire.send(bind('', 'by_sql', '5'), execute(''), sync());
  const byProtocol = await wire.until('Z');

  expect(rowsOf(bySql)).toEqual(['4']);
  expect(rowsOf(byProtocol)).toEqual(['5']);
  wire.end();
}, 30_000);

test('what policy refuses can be neither prepared by SQL nor executed by another way', async () => {
  const wire = await signIn();

  const prepared = await wire.query('PREPARE trap AS DELETE FROM customers WHERE id = 1');
  const executed = await wire.query('EXECUTE trap');

  expect(codesOf(prepared)).toEqual(['42501']);
  expect(codesOf(executed)).toHaveLength(1);
  wire.end();
}, 30_000);

test('what was prepared among other statements cannot be told from them, and is not executed', async () => {
  const wire = await signIn();
  const prepared = await wire.query('SELECT 1; PREPARE among AS SELECT 2');

  const executed = await wire.query('EXECUTE among');

  expect(codesOf(prepared)).toEqual([]);
  expect(codesOf(executed)).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a name that is prepared twice goes on standing for the first', async () => {
  const wire = await signIn();
  await wire.query('PREPARE twice AS SELECT 1');

  const again = await wire.query('PREPARE twice AS SELECT 2');
  const executed = await wire.query('EXECUTE twice');

  expect(codesOf(again)).toEqual(['42P05']);
  expect(rowsOf(executed)).toEqual(['1']);
  wire.end();
}, 30_000);

test('a portal of COPY or EXECUTE is decided by the search path of its execution', async () => {
  await withClient(sut.direct(), client =>
    client.query(
      'CREATE SCHEMA IF NOT EXISTS elsewhere; CREATE TABLE IF NOT EXISTS elsewhere.orders (LIKE orders)',
    ),
  );
  const wire = await signIn();
  await wire.query('BEGIN');
  await wire.query('PREPARE gone AS DELETE FROM orders WHERE id = 4999');
  wire.send(
    parse('e', 'EXECUTE gone'),
    bind('by_sql', 'e'),
    parse('c', 'COPY orders FROM STDIN'),
    bind('by_copy', 'c'),
  );
  wire.send(sync());
  expect(codesOf(await wire.until('Z'))).toEqual([]);
  await wire.query('SET search_path = elsewhere');
  await wire.query('SAVEPOINT before');

  wire.send(execute('by_sql'), sync());
  const bySql = await wire.until('Z');
  await wire.query('ROLLBACK TO before');
  wire.send(execute('by_copy'), sync());
  const byCopy = await wire.until('Z');

  expect([codesOf(bySql), codesOf(byCopy)]).toEqual([['42501'], ['42501']]);
  await wire.query('ROLLBACK');
  wire.end();
}, 30_000);

test('a function that is called as if it were a column is decided as a function', async () => {
  await withClient(sut.direct(), client =>
    client.query(`
      CREATE OR REPLACE FUNCTION wipe_row(orders) RETURNS int LANGUAGE sql AS 'DELETE FROM payments; SELECT 1';
      CREATE OR REPLACE FUNCTION wipe(int, int DEFAULT 0) RETURNS int LANGUAGE sql AS 'DELETE FROM payments; SELECT 1'`),
  );
  const wire = await signIn();

  const refused = [];
  for (const text of [
    'SELECT o.wipe_row FROM orders o LIMIT 1',
    'SELECT (1).wipe',
    'WITH w AS (SELECT orders.wipe_row FROM orders LIMIT 1) SELECT * FROM w',
    'SELECT o.id FROM orders o WHERE (o).wipe_row = 1',
  ]) {
    refused.push(codesOf(await wire.query(text)));
  }
  const permitted = await wire.query(
    'SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id LIMIT 1',
  );
  wire.send(parse('', 'SELECT 1'), bind('', ''), execute(''));
  wire.send(parse('', 'SELECT o.id FROM orders o ORDER BY o.id LIMIT 1'), bind('', ''), execute(''), sync());
  const pipelined = await wire.until('Z');

  expect(refused).toEqual([['42501'], ['42501'], ['42501'], ['42501']]);
  expect(codesOf(permitted)).toEqual([]);
  expect(rowsOf(pipelined)).toEqual(['1', '1']);
  wire.end();
}, 30_000);

test('an unnamed EXECUTE stands for what its name stands for now', async () => {
  const wire = await signIn();
  await wire.query('PREPARE foo AS SELECT id FROM orders WHERE id = 1');
  wire.send(parse('', 'EXECUTE foo'), sync());
  await wire.until('Z');
  wire.send(parse('d', 'DEALLOCATE foo'), bind('d', 'd'), execute('d'), sync());
  await wire.until('Z');
  const change = 'PREPARE foo AS UPDATE orders SET total = total WHERE id = 1';
  wire.send(parse('p', change), bind('p', 'p'), execute('p'), sync());
  expect(codesOf(await wire.until('Z'))).toEqual([]);

  wire.send(bind('', ''), execute(''), sync());
  const executed = await wire.until('Z');

  // It cannot be asked for, and is not taken for the SELECT that it was.
  expect(codesOf(executed)).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a COPY by protocol takes data, fails and goes on', async () => {
  const wire = await signIn();
  const rows = (...lines: string[]) => lines.map(line => messages.copyData(`${line}\n`));
  const copy = [parse('', 'COPY orders FROM STDIN'), bind('', ''), execute(''), sync()];
  await wire.query('BEGIN');

  wire.send(...copy, ...rows('900001\t1\tplaced\t1.00\t2026-01-01'), messages.copyDone(), sync());
  const taken = await wire.until('Z');
  wire.send(...copy, ...rows('garbage'), messages.copyDone(), sync());
  const failed = await wire.until('Z');
  const rolledBack = await wire.query('ROLLBACK');
  const after = await wire.query('SELECT 1');

  expect(kinds(taken)).toBe('12GCZ');
  expect(kinds(failed)).toBe('12GEZ');
  expect([codesOf(rolledBack), rowsOf(after)]).toEqual([[], ['1']]);
  wire.end();
}, 30_000);

test('a cursor WITH HOLD outlives its transaction', async () => {
  const wire = await signIn();
  await wire.query('BEGIN');
  await wire.query('DECLARE held CURSOR WITH HOLD FOR SELECT i FROM generate_series(1, 4) i');
  const inside = await wire.query('FETCH 2 FROM held');
  await wire.query('COMMIT');

  const after = await wire.query('FETCH ALL FROM held');

  expect([rowsOf(inside), rowsOf(after)]).toEqual([
    ['1', '2'],
    ['3', '4'],
  ]);
  await wire.query('CLOSE held');
  wire.end();
}, 30_000);

test('a cursor that SQL declared is executed by protocol', async () => {
  const wire = await signIn();
  await wire.query('BEGIN');
  await wire.query('DECLARE c CURSOR FOR SELECT i FROM generate_series(1, 3) i');

  wire.send(executeSome('c', 2), sync());

  expect(rowsOf(await wire.until('Z'))).toEqual(['1', '2']);
  wire.end();
}, 30_000);

test('FunctionCall is refused, and the session goes on', async () => {
  const wire = await signIn();

  wire.send(messages.functionCall());

  expect(codesOf(await wire.until('Z'))).toEqual(['0A000']);
  expect(rowsOf(await wire.query('SELECT 1'))).toEqual(['1']);
  wire.end();
}, 30_000);

test('replication is refused', async () => {
  const login = sut.login('dba');

  await expect(WireClient.signIn(login, { parameters: { replication: 'database' } })).rejects.toMatchObject({
    code: '0A000',
  });
}, 30_000);

test('a transaction that is failed by a refusal can be rolled back to its savepoint', async () => {
  await withClient(sut.login('dev'), async client => {
    await client.query('BEGIN');
    await client.query('SAVEPOINT s');
    await client.query('DELETE FROM customers WHERE id = 1').catch(() => {});
    await client.query('ROLLBACK TO SAVEPOINT s');

    const { rows } = await client.query('SELECT 1 AS one');

    expect(rows).toEqual([{ one: 1 }]);
    expect((await client.query('COMMIT')).command).toBe('COMMIT');
  });
}, 30_000);
