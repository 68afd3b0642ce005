import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { columnsOf, errorFields, type Message, messages, WireClient } from '../support/wire-client.ts';

/*
 * What the session's own statements, or other people, change behind a text that has been decided: with a real
 * server, which says what it then runs.
 */

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

beforeEach(() =>
  directly(`DROP SCHEMA IF EXISTS archive CASCADE; CREATE SCHEMA archive;
    CREATE TABLE archive.orders (LIKE orders); INSERT INTO archive.orders SELECT * FROM orders WHERE id <= 3`),
);

const { bind, execute, parse, query, sync } = messages;
const directly = (sql: string) => withClient(sut.direct(), client => client.query(sql));
const codesOf = (list: readonly Message[]) =>
  list.filter(message => message.type === 'E').map(message => errorFields(message)['C']);
const rowsOf = (list: readonly Message[]) =>
  list.filter(message => message.type === 'D').map(message => columnsOf(message)[0]);
const signIn = () => WireClient.signIn(sut.login('dev'));

async function archived(): Promise<readonly string[]> {
  const { rows } = await directly('SELECT status FROM archive.orders ORDER BY id');
  return rows.map(row => row.status as string);
}

const cancels = "UPDATE orders SET status = 'cancelled' WHERE id < 4 RETURNING id";

test('a setting that a cursor changes when it is fetched from is known to the text pipelined behind', async () => {
  const wire = await signIn();
  await wire.query('BEGIN');
  await wire.query(
    "DECLARE c CURSOR FOR SELECT set_config('standard_conforming_strings', 'off', false) FROM generate_series(1, 2)",
  );
  await wire.query('SELECT 1');

  wire.send(query('FETCH c'), query("SELECT 'a\\', '; DROP TABLE orders --'"));

  expect(codesOf(await wire.until('Z'))).toEqual([]);
  expect(codesOf(await wire.until('Z'))).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a cursor WITH HOLD runs as its transaction is committed, and what it sets is known', async () => {
  const wire = await signIn();
  const path = "SELECT set_config('search_path', 'archive', false)";
  await wire.query('BEGIN');
  await wire.query(`DECLARE c CURSOR WITH HOLD FOR ${path}`);
  await wire.query('SELECT 1 FROM orders');

  await wire.query('COMMIT');

  expect(codesOf(await wire.query(cancels))).toEqual(['42501']);
  wire.end();
}, 30_000);

test('the arguments of EXECUTE cannot have its names looked up elsewhere', async () => {
  const before = await archived();
  const wire = await signIn();
  await wire.query(`PREPARE p (text) AS ${cancels.replace('RETURNING', "AND $1 <> '' RETURNING")}`);

  const executed = await wire.query("EXECUTE p (set_config('search_path', 'archive', false))");

  expect([codesOf(executed), await archived()]).toEqual([['42501'], before]);
  wire.end();
}, 30_000);

test('FETCH of a portal of EXECUTE is refused under another search path, and serves under its own', async () => {
  const before = await archived();
  const wire = await signIn();
  await wire.query('BEGIN');
  await wire.query('PREPARE p AS SELECT count(*) FROM orders WHERE id < 4');
  await wire.query(`PREPARE q AS ${cancels}`);
  wire.send(parse('s', 'EXECUTE p'), sync());
  await wire.until('Z');
  wire.send(bind('own', 's'), sync());
  await wire.until('Z');
  const own = await wire.query('FETCH ALL FROM own');
  wire.send(parse('t', 'EXECUTE q'), sync());
  await wire.until('Z');
  wire.send(bind('other', 't'), sync());
  await wire.until('Z');
  await wire.query('SET search_path = archive');

  const other = await wire.query('FETCH ALL FROM other');

  expect([rowsOf(own), codesOf(other)]).toEqual([['3'], ['42501']]);
  await wire.query('ROLLBACK');
  expect(await archived()).toEqual(before);
  wire.end();
}, 30_000);

test('EXECUTE by protocol follows the name that it runs', async () => {
  const wire = await signIn();
  wire.send(parse('p', 'SELECT 1'), sync());
  await wire.until('Z');
  wire.send(parse('s', 'EXECUTE p'), sync());
  await wire.until('Z');
  wire.send(bind('', 's'), execute(''), sync());
  expect(rowsOf(await wire.until('Z'))).toEqual(['1']);
  await wire.query('DEALLOCATE p');
  wire.send(parse('p', "SELECT set_config('standard_conforming_strings', 'off', false)"), sync());
  await wire.until('Z');

  wire.send(bind('', 's'), execute(''), sync(), query("SELECT 'a\\', '; DROP TABLE orders --'"));

  expect(rowsOf(await wire.until('Z'))).toEqual(['off']);
  expect(codesOf(await wire.until('Z'))).toEqual(['42501']);
  wire.end();
}, 30_000);

test('a schema that somebody makes while a session has it in its path is decided as if it had been there', async () => {
  await directly('DROP SCHEMA archive CASCADE');
  const wire = await signIn();
  await wire.query('SET search_path = archive, public');
  const counted = rowsOf(await wire.query('SELECT count(*) FROM orders WHERE id < 4'));
  await directly('CREATE SCHEMA archive; CREATE TABLE archive.orders (LIKE orders)');

  const updated = await wire.query(cancels);

  expect([counted, codesOf(updated)]).toEqual([['3'], ['42501']]);
  wire.end();
}, 30_000);

test('an operator of somebody’s is never part of a question of the gateway’s own', async () => {
  await directly(`CREATE TABLE archive.log (t text);
    CREATE FUNCTION archive.eq(text, text) RETURNS bool LANGUAGE plpgsql AS
      $$BEGIN INSERT INTO archive.log VALUES ($1); RETURN $1 OPERATOR(pg_catalog.=) $2; END$$;
    CREATE OPERATOR archive.= (LEFTARG = text, RIGHTARG = text, FUNCTION = archive.eq)`);
  const wire = await signIn();
  await wire.query('PREPARE x AS SELECT 1');
  await wire.query('SET search_path = archive, pg_catalog, public');

  const executed = await wire.query('EXECUTE x');

  expect(rowsOf(executed)).toEqual(['1']);
  expect((await directly('SELECT * FROM archive.log')).rows).toEqual([]);
  wire.end();
}, 30_000);

test('a transaction’s isolation can be set by protocol right behind BEGIN', async () => {
  const wire = await signIn();
  await wire.query('BEGIN');

  wire.send(parse('', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'), bind('', ''), execute(''), sync());

  expect(codesOf(await wire.until('Z'))).toEqual([]);
  wire.end();
}, 30_000);
