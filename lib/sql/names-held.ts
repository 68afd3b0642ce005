import { namesIn } from '#lib/command.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';

/** How many names all that was read of a text holds. */
function namesRead({ command, attributes, effects }: SqlFacts): number {
  let names = namesIn(command) + attributes.length;
  for (const prepared of effects.prepares) names += namesIn(prepared.facts);
  return names;
}

/** Counts the names that are held by holding facts, each once, however many hold them. */
export class NamesHeld {
  readonly #held = new Map<SqlFacts, { holders: number; readonly names: number }>();
  /** Names that are held. */
  names = 0;

  hold(facts: SqlFacts): void {
    const held = this.#held.get(facts);
    if (held !== undefined) {
      held.holders += 1;
      return;
    }
    const names = namesRead(facts);
    this.#held.set(facts, { holders: 1, names });
    this.names += names;
  }

  release(facts: SqlFacts): void {
    const held = this.#held.get(facts);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders > 0) return;
    this.#held.delete(facts);
    this.names -= held.names;
  }
}
