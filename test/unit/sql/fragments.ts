import fc from 'fast-check';

/** Pieces of which texts are made that lexers stumble over. Joined without or with white space. */
const pieces = [
  'SELECT',
  'a',
  'b1',
  '_x',
  'é',
  't.c',
  'E',
  'e',
  'N',
  'B',
  'X',
  'U',
  'U&',
  'UESCAPE',
  'x$y',
  '"q"',
  '"q""r"',
  '"a\'b"',
  "''",
  "'a'",
  "'it''s'",
  "'\\'",
  "E'\\''",
  "e'a\\\\'",
  "E'a''b'",
  "N'n'",
  "B'01'",
  "x'1F'",
  "U&'\\0041'",
  'U&"\\0041"',
  "b'0'",
  "'é'",
  "'--'",
  "'/*'",
  "'$$'",
  '"--"',
  '0',
  '1',
  '42',
  '007',
  '2147483647',
  '2147483648',
  '99999999999',
  '1.5',
  '1.',
  '.5',
  '1e5',
  '1E-3',
  '1e',
  '1.2.3',
  '1..2',
  '0x1F',
  '1_000',
  '123abc',
  '$1',
  '$1a',
  '$2$',
  '1$',
  '..',
  '.',
  '$$',
  '$$x$$',
  '$q$',
  '$q$ $$ $q$',
  "$t$ ' $t$",
  '$',
  '$é$ $é$',
  '+',
  '-',
  '--',
  '-- c\n',
  '--\r',
  '/*',
  '*/',
  '/* c */',
  '/* /* */ */',
  '/**/',
  '/',
  '*',
  '<>',
  '!=',
  '=>',
  '::',
  ':=',
  ':',
  '||',
  '@-',
  '#',
  '?',
  '\\',
  '(',
  ')',
  '[',
  ']',
  '{',
  ',',
  ';',
  "'",
  '"',
  '\n',
  '\r\n',
  '\t',
  '\f',
  '\v',
  ' ',
  '  ',
  '\x01',
  '\x7f',
];

/** Texts made of such pieces. */
export const lexical: fc.Arbitrary<string> = fc
  .array(fc.tuple(fc.constantFrom(...pieces), fc.constantFrom('', ' ', '\n')), { maxLength: 14 })
  .map(parts => parts.map(([piece, space]) => piece + space).join(''));

export const statements = [
  "SELECT * FROM orders WHERE id = 1 AND name LIKE 'a%'",
  "INSERT INTO t (a, b, c) VALUES (1, 'x', 1.5), (2, E'y\\n', .5)",
  "UPDATE t SET a = 1, b = 'x' WHERE c = 3 AND d = X'1F'",
  "DELETE FROM t WHERE a = 1 OR 'x' = 'x'",
  'WITH d AS (DELETE FROM t WHERE x > 5 RETURNING *) SELECT count(*) FROM d LIMIT 10 -- c',
  "COPY t TO '/tmp/x' WITH (FORMAT 'csv')",
  "SELECT set_config('role', 'x', false), 1",
  "SET search_path TO a, 'b'; SELECT * FROM t WHERE id = 7",
  "SET ROLE 'x'",
  "EXPLAIN (ANALYZE 1, COSTS 'off') DELETE FROM t WHERE x = 5",
  "PREPARE p (int) AS UPDATE t SET a = 'x' WHERE b = $1",
  'DO $$ BEGIN END $$',
  "CREATE TABLE t (a int DEFAULT 5, b varchar(10) DEFAULT 'x')",
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
  "SELECT interval '1' day, date '2020-01-01', 1::text, '5'::int, B'01' /* c */",
  "SELECT query_to_xml('SELECT 1', true, true, ''), nextval('s')",
  "LOAD 'x'",
  "NOTIFY a, 'payload'",
  'SELECT a FROM t ORDER BY 1 FETCH FIRST 5 ROWS ONLY FOR UPDATE',
  "MERGE INTO t USING s ON t.id = 1 WHEN MATCHED THEN UPDATE SET a = 'x'",
  "COMMENT ON TABLE t IS 'x'; ALTER ROLE x PASSWORD 'y'",
  "SELECT U&'\\0041', 'a' 'b'",
];

/** A statement with characters taken out, doubled, exchanged or replaced by pieces. */
export const mutated: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...statements),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 6 }), fc.constantFrom('', ...pieces)), { maxLength: 4 }),
  )
  .map(([statement, changes]) =>
    changes.reduce((text, [place, length, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + length);
    }, statement),
  );

const literal = /E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$\$.*?\$\$|\b\d+(?:\.\d+)?\b/gs;

/** The same statement with other literals, of the same kinds: what shapes are to hold together. */
export function withOtherLiterals(text: string, random: (bound: number) => number): string {
  return text.replace(literal, (found, at: number) => {
    if (text[at - 1] === '$' || found.startsWith('$')) return found.startsWith('$') ? '$$ other $$' : found;
    if (/^\d+$/.test(found)) return String(random(1000));
    if (/^\d/.test(found)) return `${random(1000)}.${random(10)}`;
    const before = text[at - 1] ?? '';
    if (/[bBxX]/.test(before)) return "'0110'";
    return found.startsWith('E')
      ? `E'o\\'${random(10)}'`
      : ["'off'", "'on'", "'role'", "'it''s'", "''"][random(5)]!;
  });
}
