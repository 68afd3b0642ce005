import { clauseReaders, plainClauses } from '#lib/sql/clauses.ts';
import { Collector, TooManyNames, unreadFacts } from '#lib/sql/collector.ts';
import { definitionReaders } from '#lib/sql/definitions.ts';
import { toUtf8 } from '#lib/sql/encoding.ts';
import type { ReadingContext, SqlFacts } from '#lib/sql/facts.ts';
import { grammarOf } from '#lib/sql/grammar.ts';
import { queryReaders } from '#lib/sql/queries.ts';
import { Scanner } from '#lib/sql/scanner.ts';
import { sessionReaders } from '#lib/sql/session-statements.ts';
import { type Fields, fields, type Json, list } from '#lib/sql/tree.ts';
import { verbOf } from '#lib/sql/verbs.ts';
import { TooDeep, type Vocabulary, Walker } from '#lib/sql/walker.ts';

/** Everything that is known of the grammars' nodes. A type that is not here makes a text unknown. */
export const vocabulary: Vocabulary = {
  readers: { ...clauseReaders, ...queryReaders, ...sessionReaders, ...definitionReaders },
  plain: plainClauses,
};

/**
 * Limits of what is read; past them a text is unknown. Reading blocks the event loop: about 1 microsecond for
 * a literal in a list and 2 for other tokens, so some 100 ms at worst.
 */
export const limits = {
  bytes: 1 << 20,
  tokens: 100_000,
  /** Tokens that are neither literals and parameters nor parentheses and separators. */
  words: 30_000,
  /** Nested parentheses. */
  depth: 500,
  /**
   * Words and operators in a row (see Rows). No way to nest used up the parser's stack, in any of the grammars,
   * that took less than twice as much. How deep it goes depends on how far V8 has optimised the parser.
   */
  row: 2500,
  run: 10_000,
} as const;

const scanner = new Scanner();

/**
 * What a text would do if the server ran it.
 *
 * Known limits: it is read from the text alone. What views, triggers, rules, defaults, casts and the
 * functions behind operators do is decided by whoever may define them (`postgres:ddl`), not by who uses
 * them; and PostgreSQL's own functions may be overloaded for other types by whoever may define functions in a
 * schema of the path. `row.f` may call a function f, which the text does not tell: `attributes` holds such
 * names for `calling`, which is told the server's functions.
 *
 * @param text the exact bytes, without the NUL that ends them on the wire
 * @throws SallyportError `unsupported` for a major version that is not known, `tooMany` while there is no parser
 */
export function analyze(text: Uint8Array, context: ReadingContext): SqlFacts {
  const grammar = grammarOf(context.major);
  if (text.length > limits.bytes) return unreadFacts(`the text has more than ${limits.bytes} bytes`);
  if (text.includes(0)) return unreadFacts('the text holds a NUL');

  scanner.scan(text);
  if (scanner.tokens > limits.tokens || scanner.words > limits.words) {
    return unreadFacts('the text has too many words to be read');
  }
  if (scanner.rows.longest > limits.row || scanner.rows.longestRun > limits.run) return tooComplex();
  if (scanner.depth > limits.depth) return unreadFacts('the text nests too deeply to be read');
  if (scanner.plainBackslash && context.standardConformingStrings !== true) {
    return unreadFacts('a backslash in a string is read in two ways when standard_conforming_strings is off');
  }
  const utf8 = toUtf8(text, context.clientEncoding, scanner.highNames);
  if (utf8 === undefined)
    return unreadFacts('the text is not sure to be read as the server reads it: encoding');

  const outcome = grammar.parse(utf8);
  if (outcome.kind === 'syntax') return { ...unreadFacts(outcome.message), syntaxErrorAt: outcome.position };
  // Not to be kept: what was too much may have been the machine's fault.
  if (outcome.kind === 'exhausted') return { ...tooComplex(), sessionMatters: true };
  return read(fields(outcome.tree as Json), context);
}

function tooComplex(): SqlFacts {
  return unreadFacts('the text is too complex to be read');
}

function read(tree: Fields, context: ReadingContext): SqlFacts {
  const collector = new Collector();
  const walker = new Walker(vocabulary, context, collector);
  try {
    for (const raw of list(tree['stmts'])) {
      const statement = fields(raw)['stmt'];
      collector.statements += 1;
      collector.verb(verbOf(statement));
      walker.statement(statement);
    }
  } catch (error) {
    if (error instanceof TooManyNames) return unreadFacts('the text names too many objects to be read');
    if (error instanceof TooDeep) return unreadFacts('the text nests too deeply to be read');
    throw error;
  }
  return collector.facts(undefined);
}
