import type { CommandFacts } from '#lib/command.ts';
import { extensionEffect } from '#lib/sql/builtins.ts';
import { Collector } from '#lib/sql/collector.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';
import { qualifiedName, quoteName, unknownSchema } from '#lib/sql/names.ts';

/** What was made before, by the facts and the names, since decisions are kept by the identity of facts. */
const made = new WeakMap<SqlFacts, Map<string, SqlFacts>>();

/** Functions may come and go; past that many sets of names everything of one text is made anew. */
const maxSets = 4;

/**
 * The same text where the server has such functions: what stands in column notation (`row.f`) and bears the
 * name of one calls it, unless there is such a column, which is not asked. Which schema it lies in is not known,
 * so it stands under `?`.
 *
 * @param functions names as `pg_proc.proname` has them
 * @returns the same object when none is called; else the same object for the same facts and names called
 */
export function calling(facts: SqlFacts, functions: ReadonlySet<string>): SqlFacts {
  if (facts.attributes.length === 0) return facts;
  const called = facts.attributes.filter(name => functions.has(name));
  if (called.length === 0) return facts;
  let sets = made.get(facts);
  if (sets === undefined) {
    sets = new Map();
    made.set(facts, sets);
  }
  // No name holds a NUL.
  const key = called.join('\0');
  let result = sets.get(key);
  if (result === undefined) {
    if (sets.size >= maxSets) sets.clear();
    result = withCalls(facts, called);
    sets.set(key, result);
  }
  return result;
}

function withCalls(facts: SqlFacts, called: readonly string[]): SqlFacts {
  const { effects } = facts;
  return {
    ...facts,
    command: commandWith(facts.command, called, facts.command.risk.statements > 1 || facts.namesMatter),
    effects: {
      ...effects,
      settings: true,
      names: true,
      // Which of the names stand in what is prepared is not kept: it is taken for all.
      prepares: effects.prepares.map(one => ({ ...one, facts: commandWith(one.facts, called, false) })),
    },
  };
}

/** @param others run behind the calls, which may have changed the path that their names were looked up in */
function commandWith(command: CommandFacts, called: readonly string[], others: boolean): CommandFacts {
  const collector = new Collector();
  if (others) collector.unknown();
  collector.merge(command);
  collector.verb(command.verb);
  collector.statements = command.risk.statements;
  for (const name of called) {
    collector.function(quoteName(name));
    collector.call([`${unknownSchema}.${quoteName(name)}`]);
    const effect = extensionEffect(name);
    if (effect === 'text') collector.unknown();
    else if (effect !== undefined) collector.add(effect, [qualifiedName('pg_catalog', name)]);
  }
  return collector.command();
}
