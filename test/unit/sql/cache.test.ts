import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { analyze } from '#lib/sql/analyze.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import type { ReadingContext } from '#lib/sql/facts.ts';
import { grammarOf, loadGrammar, majors } from '#lib/sql/grammar.ts';
import { lexical, mutated, statements, withOtherLiterals } from './fragments.ts';
import { decided, inShort, reading } from './reading.ts';

beforeAll(() => Promise.all(majors.map(loadGrammar)), 60_000);

const bytes = (text: string) => Buffer.from(text);

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

describe('a reader', () => {
  test('parses one of all texts that differ in literals, and gives the same command for all', () => {
    const reader = new SqlReader();

    const one = reader.read(bytes("SELECT * FROM orders WHERE id = 1 AND name = 'a'"), reading());
    const other = reader.read(bytes("SELECT * FROM orders WHERE id = 22 AND name = 'it''s'"), reading());

    expect(other.command).toBe(one.command);
    expect([reader.hits, reader.misses]).toEqual([1, 1]);
  });

  test('reads each text by itself where literals decide', () => {
    const reader = new SqlReader();
    const read = (text: string) => reader.read(bytes(text), reading());

    const harmless = read("SELECT set_config('work_mem', '1MB', false)");
    const role = read("SELECT set_config('role', 'dba', false)");

    expect(inShort(harmless)).toBe('set work_mem |');
    expect(inShort(role)).toBe('role dba | settings');
    expect(read("SELECT set_config('role', 'dba', false)").command).toBe(role.command);
  });

  test('does not let a wrong text stand for right ones of its shape', () => {
    const reader = new SqlReader();

    const wrong = reader.read(bytes("SELECT E'\\u00' FROM t"), reading());
    const right = reader.read(bytes("SELECT E'\\u0041' FROM t"), reading());

    expect(wrong.command.risk.opaque).toBe(true);
    expect(inShort(right)).toBe('select public.t |');
  });

  test('reads a text anew when anything else has changed that decides its meaning', () => {
    const reader = new SqlReader();
    const text = bytes("COMMIT; SELECT lower('\\'), * FROM t -- é");
    const contexts = [
      reading(),
      reading({ major: 16 }),
      reading({ searchPath: ['pg_catalog', 'shop'] }),
      reading({ searchPath: undefined }),
      reading({ settingsPending: true }),
      reading({ portals: () => 'cursor' }),
      reading({ standardConformingStrings: false }),
      reading({ standardConformingStrings: undefined }),
      reading({ clientEncoding: 'LATIN1' }),
      reading({ clientEncoding: 'SJIS' }),
      reading({ clientEncoding: undefined }),
    ];

    const facts = contexts.map(context => reader.read(text, context));

    expect(reader.misses).toBe(contexts.length);
    expect(facts.map(decided)).toEqual(contexts.map(context => decided(analyze(text, context))));
  });

  test('sees a context whose values change while it lives', () => {
    const reader = new SqlReader();
    const context = { ...reading() };
    const read = () => inShort(reader.read(bytes('SELECT * FROM t'), context));

    const before = read();
    context.searchPath = ['pg_catalog', 'shop'];

    expect([before, read()]).toEqual(['select public.t |', 'select shop.t |']);
  });

  test('shares nothing of what sessions have prepared', () => {
    const reader = new SqlReader();
    const [harmless, deletes] = ['PREPARE p AS SELECT 1', 'PREPARE p AS DELETE FROM t'].map(
      text => reader.read(bytes(text), reading()).effects.prepares[0]?.facts,
    );
    const read = (facts: typeof harmless) =>
      inShort(reader.read(bytes('EXECUTE p'), reading({ prepared: () => facts })));

    expect([harmless, deletes, undefined].map(read)).toEqual([
      'select |',
      'delete public.t | writes noWhere',
      'unknown | writes ddl noWhere opaque settings',
    ]);
  });

  test('shares nothing of what portals hold, and everything of FETCH where there are none', () => {
    const reader = new SqlReader();
    const deletes = reader.read(bytes('DELETE FROM t'), reading()).command;
    const fetch = (portals?: ReadingContext['portals']) =>
      reader.read(bytes('FETCH p'), reading({ portals }));

    expect(fetch()).toBe(fetch());
    expect(inShort(fetch(() => deletes))).toBe('delete public.t, select | writes noWhere');
    expect(inShort(fetch(() => undefined))).toBe('select, unknown | writes ddl noWhere opaque settings');
    expect(inShort(fetch(() => 'cursor'))).toBe('select | settings');
  });

  test('forgets settings that take many bytes', () => {
    const reader = new SqlReader({ bytes: 64 << 10 });
    const path = (i: number) => Array.from({ length: 100 }, (_, k) => `schema_${i}_${k}`);

    for (let i = 0; i < 100; i += 1) reader.read(bytes('SELECT 1'), reading({ searchPath: path(i) }));

    expect(reader.entries).toBeLessThanOrEqual(64 / 4);
  });

  test('keeps what is used, within its limits', () => {
    const reader = new SqlReader({ entries: 100, bytes: 1 << 20 });
    const used = reader.read(bytes('SELECT * FROM used'), reading());

    for (let i = 0; i < 1000; i += 1) {
      reader.read(bytes(`SELECT * FROM t${i}x`), reading());
      if (i % 10 === 0) expect(reader.read(bytes('SELECT * FROM used'), reading())).toBe(used);
    }

    expect(reader.entries).toBeLessThanOrEqual(100);
    expect(reader.misses).toBe(1001);
  });

  test('keeps no more bytes than it may, and no text that takes a good part of them', () => {
    const reader = new SqlReader({ entries: 1000, bytes: 64 << 10 });
    const large = bytes(`SELECT ${Array(4000).fill('abc').join(', ')}`);

    reader.read(large, reading());
    reader.read(large, reading());
    for (let i = 0; i < 500; i += 1) reader.read(bytes(`SELECT ${'a'.repeat(200)}${i}x FROM t`), reading());

    expect(reader.misses).toBe(502);
    expect(reader.entries).toBeLessThan(100);
  });

  test('keeps nothing of a text that the parser gave up on, or was not there for', async () => {
    const grammar = await loadGrammar(16);
    const reader = new SqlReader();
    const context = reading({ major: 16 });
    const text = bytes('SELECT * FROM orders');
    const chain = bytes(deep[0] as string);
    while (attempt(() => grammar.parse(chain)) !== undefined);

    expect(() => reader.read(text, context)).toThrow(expect.objectContaining({ code: 'tooMany' }));
    await grammar.settle();
    expect(inShort(reader.read(text, context))).toBe('select public.orders |');

    const parse = jest.spyOn(grammar, 'parse').mockReturnValueOnce({ kind: 'exhausted' });
    const other = bytes('SELECT * FROM payments');
    expect(reader.read(other, context).command.risk.opaque).toBe(true);
    expect(inShort(reader.read(other, context))).toBe('select public.payments |');
    parse.mockRestore();
  });

  test('forgets settings that come and go without end, and reads rightly all the same', () => {
    const reader = new SqlReader({ settings: 10 });
    const text = bytes('SELECT * FROM t');

    for (let i = 0; i < 105; i += 1) {
      const facts = reader.read(text, reading({ searchPath: ['pg_catalog', `s${i}`] }));
      expect(inShort(facts)).toBe(`select s${i}.t |`);
    }

    expect(reader.entries).toBe(5);
  });
});

/** For each way to make a tree deep, about what may use up the stack. */
const deep = [
  `SELECT ${'a+'.repeat(14_000)}a`,
  `SELECT ${'NOT '.repeat(9_000)}a`,
  `SELECT ${'- '.repeat(9_000)}a`,
  `SELECT 1${'::int'.repeat(6_000)}`,
  `SELECT a${' IS NULL'.repeat(6_000)}`,
  `SELECT a${' NOTNULL'.repeat(6_000)}`,
  `SELECT a${' COLLATE c'.repeat(5_000)}`,
  `SELECT a${' AT TIME ZONE b'.repeat(4_500)}`,
  `SELECT a${' OPERATOR(+) b'.repeat(6_000)}`,
  `SELECT 1${' UNION SELECT 1'.repeat(9_000)}`,
  `SELECT 1 FROM a${' NATURAL JOIN b'.repeat(6_000)}`,
  `SELECT 1 FROM a${' JOIN b ON c'.repeat(6_000)}`,
];

describe('for any text', () => {
  const major = fc.constantFrom(...majors);
  const settings = fc.record({
    standardConformingStrings: fc.constantFrom(true, false, undefined),
    clientEncoding: fc.constantFrom('UTF8', 'LATIN1', 'SJIS', undefined),
    searchPath: fc.constantFrom(['pg_catalog', 'public'], ['public', 'pg_catalog'], undefined),
  });

  test('a reader that has read others of its shape says what a fresh analysis says', () => {
    const reader = new SqlReader();
    fc.assert(
      fc.property(
        mutated,
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        major,
        (text, numbers, version) => {
          const context = reading({ major: version });
          let next = 0;
          const other = withOtherLiterals(
            text,
            bound => (numbers[next++ % numbers.length] as number) % bound,
          );

          reader.read(bytes(text), context);
          const read = reader.read(bytes(other), context);

          const fresh = analyze(bytes(other), context);
          // A literal may be wrong where another of its shape is right: the server then runs nothing.
          if (fresh.unread === undefined) expect(decided(read)).toEqual(decided(fresh));
          else expect(grammarOf(version).parse(bytes(other)).kind).not.toBe('tree');
        },
      ),
      { numRuns: 1500 },
    );
    expect(reader.hits).toBeGreaterThan(200);
  });

  test('there is an answer, and what is not read is unknown', () => {
    const reader = new SqlReader();
    const noise = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array));
    const text = fc.oneof(noise, lexical.map(bytes), mutated.map(bytes));
    fc.assert(
      fc.property(text, settings, major, (input, changes, version) => {
        const { command, unread } = reader.read(input, reading({ ...changes, major: version }));

        expect(command.operations.length).toBeGreaterThan(0);
        const actions = command.operations.map(one => one.action);
        expect(actions).toEqual([...new Set(actions)].sort());
        for (const { objects } of command.operations) expect(objects).toEqual([...new Set(objects)].sort());
        const runsUnread = actions.includes('postgres:unknown') || actions.includes('postgres:do');
        expect(command.risk.opaque).toBe(runsUnread);
        if (unread !== undefined) expect(actions).toEqual(['postgres:unknown']);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(majors)(
    'texts that would use up the stack of PostgreSQL %i are refused unparsed',
    async major => {
      const grammar = await loadGrammar(major);
      const before = grammar.replaced;
      const reader = new SqlReader();

      for (const [i, text] of deep.entries()) {
        const facts = reader.read(bytes(text), reading({ major }));
        expect([text.slice(0, 30), facts.unread]).toEqual([
          text.slice(0, 30),
          'the text is too complex to be read',
        ]);
        const next = reader.read(bytes(`SELECT * FROM t${i}x`), reading({ major }));
        expect(inShort(next)).toBe(`select public.t${i}x |`);
      }

      expect(grammar.replaced).toBe(before);
      // Not for nothing. How much is too much depends on how far V8 has optimised the parser: this is always.
      expect(grammar.parse(bytes(deep[0] as string)).kind).toBe('exhausted');
      await grammar.settle();
    },
    60_000,
  );
});

test('every statement that texts are made of can be read', () => {
  const context = reading({ major: 18 });

  expect(statements.filter(text => analyze(bytes(text), context).unread !== undefined)).toEqual([
    "SELECT U&'\\0041', 'a' 'b'",
  ]);
});
