import type { CommandFacts } from '#lib/command.ts';
import type { SessionEffects, SqlFacts } from '#lib/sql/facts.ts';

/** What a statement can do: the part of the Cedar action behind `postgres:`. */
export type Action =
  | 'select'
  | 'insert'
  | 'update'
  | 'delete'
  | 'truncate'
  | 'call'
  | 'ddl'
  | 'grant'
  | 'role'
  | 'admin'
  | 'copy-program'
  | 'server-file'
  | 'maintenance'
  | 'set'
  | 'transaction'
  | 'listen'
  | 'lock'
  | 'do'
  | 'unknown';

/** Actions that leave the target's data and state as they were. A role is changed or only taken on. */
const harmless: ReadonlySet<Action> = new Set(['select', 'role', 'set', 'transaction', 'listen', 'lock']);

/** Whether running it can change a setting that decides how later texts are read. */
export function mayChangeSettings({ operations, risk }: CommandFacts): boolean {
  if (risk.opaque || risk.unknownCode) return true;
  return operations.some(({ action }) => action === 'postgres:set' || action === 'postgres:role');
}

/**
 * Most names that a text's facts hold, and most that are looked at to find them: a name is looked at once for
 * each schema of the path, each time it is written.
 */
export const maxNames = 1000;
export const maxLookedAt = 200_000;

export class TooManyNames extends Error {}

const planned = /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES)$/;

/**
 * Whether one statement has its names looked up as it is planned, and not as it runs. SELECT INTO looks up the
 * name of its table as it runs, like all that defines.
 */
export function isPlanned({ verb, risk }: CommandFacts): boolean {
  return planned.test(verb) && !risk.ddl;
}

/** Gathers the facts of one text. */
export class Collector {
  writes = false;
  ddl = false;
  noWhere = false;
  opaque = false;
  unknownCode = false;
  settings = false;
  endsTransaction = false;
  copiesIn = false;
  literalsMatter = false;
  sessionMatters = false;
  /** Names may stand for something else afterwards. */
  renames = false;
  /** What names stand for decides what it does. */
  namesMatter = false;
  statements = 0;
  readonly prepares: { name: string; facts: CommandFacts }[] = [];
  readonly deallocates: (string | undefined)[] = [];
  /** Shared by all collectors of one text. */
  readonly #looked: { names: number };
  #names = 0;
  readonly #merged = new Set<CommandFacts>();
  readonly #operations = new Map<Action, Set<string>>();
  readonly #functions = new Set<string>();
  readonly #attributes = new Set<string>();
  readonly #verbs = new Set<string>();

  constructor(outer?: Collector) {
    this.#looked = outer === undefined ? { names: 0 } : outer.#looked;
  }

  /** @throws TooManyNames */
  lookAt(names: number): void {
    this.#looked.names += names;
    if (this.#looked.names > maxLookedAt) throw new TooManyNames();
  }

  #keep(names: Set<string>, name: string): void {
    const before = names.size;
    names.add(name);
    this.#names += names.size - before;
    if (this.#names > maxNames) throw new TooManyNames();
  }

  /** @throws TooManyNames, as all that takes names */
  add(action: Action, objects: readonly string[] = []): void {
    let all = this.#operations.get(action);
    if (all === undefined) {
      all = new Set();
      this.#operations.set(action, all);
    }
    this.lookAt(objects.length);
    for (const object of objects) this.#keep(all, object);
    if (!harmless.has(action)) this.writes = true;
    if (action === 'ddl') this.ddl = true;
  }

  /** Something that cannot be read: it might do anything. */
  unknown(): void {
    this.add('unknown');
    this.anything();
  }

  /** Text or code that the gateway cannot read is run. */
  anything(): void {
    this.opaque = true;
    this.ddl = true;
    this.noWhere = true;
    this.settings = true;
    this.renames = true;
  }

  /** Code that the gateway does not know is called by its name. */
  call(names: readonly string[]): void {
    this.add('call', names);
    this.unknownCode = true;
    this.settings = true;
    this.renames = true;
  }

  function(name: string): void {
    this.#keep(this.#functions, name);
  }

  get attributes(): ReadonlySet<string> {
    return this.#attributes;
  }

  attribute(name: string): void {
    this.#keep(this.#attributes, name);
  }

  /** Each verb stands once, however many statements there are. */
  verb(verb: string): void {
    this.#verbs.add(verb);
  }

  /** Takes over what a statement does that was prepared before, or is contained in this one. */
  merge(facts: CommandFacts): void {
    if (this.#merged.has(facts)) return;
    this.#merged.add(facts);
    this.lookAt(facts.functions.length);
    for (const { action, objects } of facts.operations) {
      this.add(action.slice('postgres:'.length) as Action, objects);
    }
    for (const name of facts.functions) this.function(name);
    this.writes ||= facts.risk.writes;
    this.ddl ||= facts.risk.ddl;
    this.noWhere ||= facts.risk.noWhere;
    this.opaque ||= facts.risk.opaque;
    this.unknownCode ||= facts.risk.unknownCode;
    this.settings ||= mayChangeSettings(facts);
    this.renames ||= facts.risk.opaque || facts.risk.unknownCode;
  }

  /**
   * Runs what a name stands for. Other than plans, which SQL alone can prepare, it may set, fetch, declare or end a
   * transaction: the protocol prepares and binds anything.
   */
  runs(facts: CommandFacts): void {
    this.merge(facts);
    if (isPlanned(facts)) return;
    this.settings = true;
    this.renames = true;
  }

  command(): CommandFacts {
    const operations = [...this.#operations]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([action, objects]) => ({ action: `postgres:${action}`, objects: [...objects].sort() }));
    return {
      protocol: 'postgres',
      verb: [...this.#verbs].join('; '),
      // A text without any statement: an operation all the same, since no operations are no question.
      operations: operations.length > 0 ? operations : [{ action: 'postgres:select', objects: [] }],
      functions: [...this.#functions].sort(),
      risk: {
        writes: this.writes,
        ddl: this.ddl,
        noWhere: this.noWhere,
        statements: this.statements,
        opaque: this.opaque,
        unknownCode: this.unknownCode,
      },
    };
  }

  facts(unread: string | undefined): SqlFacts {
    const { settings, endsTransaction, prepares, deallocates, copiesIn } = this;
    const { literalsMatter, sessionMatters, namesMatter } = this;
    return {
      command: this.command(),
      effects: {
        settings,
        endsTransaction,
        prepares,
        names: this.renames,
        deallocates,
        copiesIn,
      } satisfies SessionEffects,
      literalsMatter,
      sessionMatters,
      namesMatter,
      attributes: [...this.#attributes].sort(),
      unread,
    };
  }
}

/**
 * A text that was not read: it may do anything, and only a policy that permits `postgres:unknown` lets it run.
 * @param reason a sentence for the client
 */
export function unreadFacts(reason: string): SqlFacts {
  const collector = new Collector();
  collector.unknown();
  collector.unknownCode = true;
  collector.literalsMatter = true;
  collector.statements = 1;
  collector.verb('UNKNOWN');
  collector.deallocates.push(undefined);
  collector.copiesIn = true;
  return collector.facts(reason);
}
