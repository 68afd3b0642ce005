import { beforeAll, describe, expect, test } from '@jest/globals';
import { analyze } from '#lib/sql/analyze.ts';
import { calling } from '#lib/sql/attributes.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import type { ReadingContext } from '#lib/sql/facts.ts';
import { loadGrammar, majors } from '#lib/sql/grammar.ts';
import { inShort, reading } from './reading.ts';

beforeAll(() => Promise.all(majors.map(loadGrammar)), 60_000);

const read = (text: string, changes: Partial<ReadingContext> = {}) =>
  analyze(Buffer.from(text), reading(changes));

describe.each(majors)('names in column notation, PostgreSQL %i', major => {
  test.each([
    ['SELECT a, b FROM t', []],
    ['SELECT t.* FROM t', []],
    ['SELECT (r).* FROM r', []],
    ['SELECT (1).wipe', ['wipe']],
    ["SELECT ('x'::text).wipe", ['wipe']],
    ['SELECT o.wipe, o.id FROM orders o', ['id', 'wipe']],
    ['SELECT public.orders.wipe FROM orders', ['wipe']],
    ['SELECT shop.public.orders.wipe FROM orders', ['wipe']],
    ['SELECT (o).a.b[1].c FROM orders o', ['a', 'b', 'c']],
    ['SELECT o.items[1].f FROM orders o', ['f', 'items']],
    ['SELECT ($1).f', ['f']],
    ['SELECT (SELECT r FROM r).f', ['f']],
    ['SELECT 1 FROM t WHERE (t).f IN (SELECT u.g FROM u) ORDER BY t.h', ['f', 'g', 'h']],
    ['WITH a AS (SELECT (1).f) SELECT a.g FROM a', ['f', 'g']],
    ['INSERT INTO t VALUES ((1).f) RETURNING t.g', ['f', 'g']],
    ['UPDATE t SET a.b = (1).f WHERE t.g', ['f', 'g']],
    ['DELETE FROM t WHERE t.f', ['f']],
    ['PREPARE p AS SELECT (1).f', ['f']],
    ['EXPLAIN SELECT (1).f', ['f']],
    ['EXPLAIN ANALYZE SELECT (1).f', ['f']],
    ['CREATE VIEW v AS SELECT (1).f', ['f']],
    ['COPY (SELECT (1).f) TO STDOUT', ['f']],
    ['DECLARE c CURSOR FOR SELECT (1).f', ['f']],
    ['SELECT (1)."Wipe", (1).WIPE', ['Wipe', 'wipe']],
    // Columns as people name them, though PostgreSQL has functions or types of these names.
    [
      'SELECT u.name, u.text, u.length, u.query, u.count, u.date, u.timezone FROM u',
      ['count', 'date', 'length', 'name', 'query', 'text', 'timezone'],
    ],
    ["SELECT ('q'::text).ts_stat, (5).pg_sleep", []],
    ['SELEC (1).f', []],
  ])('%s', (text, attributes) => {
    expect(read(text, { major }).attributes).toEqual(attributes);
  });

  test('that are columns change nothing of a query', () => {
    const facts = read('SELECT u.name, u.text, u.length, u.query, u.count, u.date, u.timezone FROM u', {
      major,
    });

    expect(inShort(facts)).toBe('select public.u |');
    expect(facts.command.functions).toEqual([]);
    expect(facts.literalsMatter).toBe(false);
  });

  test('that are volatile functions of PostgreSQL are told as calls', () => {
    expect(read('SELECT (5).pg_sleep', { major }).command.functions).toEqual(['pg_sleep']);
    // Whoever comes before pg_catalog in the path may have a function of the name as well.
    const hidden = read('SELECT (5).pg_sleep', { major, searchPath: ['public', 'pg_catalog'] });
    expect([hidden.command.functions, hidden.attributes]).toEqual([['pg_sleep'], ['pg_sleep']]);
  });
});

describe('calling', () => {
  const functions = new Set(['wipe', 'dblink_exec', 'pg_file_unlink', 'Wipe']);

  test.each([
    ['SELECT (1).wipe', 'call ?.wipe, select | writes unknownCode settings'],
    ['SELECT o."Wipe" FROM orders o', 'call ?."Wipe", select public.orders | writes unknownCode settings'],
    ['DELETE FROM t WHERE t.wipe', 'call ?.wipe, delete public.t | writes unknownCode settings'],
    [
      "SELECT ('x'::text).dblink_exec",
      'call ?.dblink_exec, select, unknown | writes ddl noWhere opaque unknownCode settings',
    ],
    [
      "SELECT ('x'::text).pg_file_unlink",
      'call ?.pg_file_unlink, select, server-file pg_catalog.pg_file_unlink | writes unknownCode settings',
    ],
  ])('%s', (text, facts) => {
    expect(inShort(calling(read(text), functions))).toBe(facts);
  });

  test.each([
    'SELECT (1).wipe; UPDATE orders SET a = 1 WHERE b',
    'EXECUTE p ((1).wipe)',
    'FETCH c; SELECT (1).wipe',
  ])('what the called function may have looked up otherwise is not known: %s', text => {
    expect(calling(read(text), functions).command.risk.opaque).toBe(true);
  });

  test('keeps the verb, the number of statements and the functions, and adds the called one', () => {
    const { command } = calling(read('SELECT lower(name), o.wipe FROM orders o; SELECT 1'), functions);

    expect([command.verb, command.risk.statements, command.functions]).toEqual([
      'SELECT',
      2,
      ['lower', 'wipe'],
    ]);
  });

  test('gives the facts themselves back where nothing is called', () => {
    const facts = read('SELECT o.id FROM orders o');

    expect(calling(facts, functions)).toBe(facts);
    expect(calling(facts, new Set())).toBe(facts);
  });

  test('gives the same object for the same facts and the same names, whatever else the server has', () => {
    const reader = new SqlReader();
    const facts = () => reader.read(Buffer.from('SELECT o.id, o.wipe FROM orders o'), reading());

    const one = calling(facts(), functions);
    const again = calling(facts(), new Set(['other', 'wipe']));
    const both = calling(facts(), new Set(['id', 'wipe']));

    expect(again).toBe(one);
    expect(inShort(both)).toBe('call ?.id ?.wipe, select public.orders | writes unknownCode settings');
  });

  test('takes what is prepared for a call as well', () => {
    const facts = calling(read('PREPARE p AS SELECT (1).wipe'), functions);

    const [prepared] = facts.effects.prepares;
    const executed = read('EXECUTE p', { prepared: () => prepared?.facts });

    expect(inShort(executed)).toBe('call ?.wipe, select | writes unknownCode settings');
  });
});
