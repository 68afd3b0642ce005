import type { CommandFacts } from '#lib/command.ts';
import type { ReadingContext, SqlFacts } from '#lib/sql/facts.ts';

/** How a session of the sample shop is read, unless a test says otherwise. */
export function reading(changes: Partial<ReadingContext> = {}): ReadingContext {
  return {
    major: 15,
    searchPath: ['pg_catalog', 'public'],
    settingsPending: false,
    standardConformingStrings: true,
    clientEncoding: 'UTF8',
    prepared: () => undefined,
    ...changes,
  };
}

/** Facts in one line: `delete public.orders, select public.orders | writes noWhere`. */
export function inShort(facts: SqlFacts): string {
  const { operations, risk } = facts.command;
  const done = operations.map(({ action, objects }) =>
    [action.replace('postgres:', ''), ...objects].join(' '),
  );
  const flags = Object.entries({ ...risk, settings: facts.effects.settings }).filter(
    ([, value]) => value === true,
  );
  return `${done.join(', ')} | ${flags.map(([name]) => name).join(' ')}`.trimEnd();
}

/** Everything that is decided by the facts, as one value to compare. */
export function decided({ command, effects }: SqlFacts): unknown {
  const prepares = effects.prepares.map(({ name, facts }) => [name, facts] satisfies [string, CommandFacts]);
  const { settings, names, deallocates } = effects;
  return { command, settings, names, prepares, deallocates };
}
