import { isDeepStrictEqual } from 'node:util';
import type { CommandFacts } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import { isPlanned } from '#lib/sql/collector.ts';
import type { PortalLookUp, ReadingContext, SqlFacts } from '#lib/sql/facts.ts';
import { Knowledge, oldestAt } from './knowledge.ts';
import { Refusals } from './refusal.ts';
import type { SqlCommand } from './sql-command.ts';
import { Statements } from './statements.ts';

/** So many pipelines may wait for their answers. */
const maxPipelines = 10_000;

/**
 * What both directions of a session must know of one another: how far the server has come with what the
 * client asked, what names stand for, and by which settings text is read.
 */
export class Conversation {
  readonly statements = new Statements();
  readonly refusals = new Refusals();
  readonly major: number;
  /** Status of the last ReadyForQuery: idle, in a transaction, in a failed one. */
  status: 'I' | 'T' | 'E' = 'I';
  /** Something ran in the open transaction since what opened it. */
  #hasRun = false;
  /** Pipelines that the client has ended, and that the server has answered. */
  sent = 0;
  done = 0;
  /** When something of the extended query protocol went out for the first time since the last Sync. */
  #pipelineSince: number | undefined;
  /** The pipeline in which a refusal stands: the rest of it is skipped. -1: none. */
  refusedCycle = -1;

  readonly #parameters: Map<string, string>;
  /** The server takes the client's data. */
  copying = false;
  /** The pipeline with a command that may have the server take data, until the server has said so or not. */
  #copyCycle = -1;
  #copyBy: 'query' | 'execute' | undefined;
  /** What was learnt before is old, for the message at hand: all that is known is known for the whole of it, or not. */
  #oldest: number;
  readonly #path = new Knowledge<readonly string[]>();
  #lastPath: readonly string[] | undefined;
  readonly #functions = new Knowledge<ReadonlySet<string>>();
  /** The last pipeline in which settings may have changed. */
  #touchedCycle = -1;
  #touchedInTransaction = false;
  readonly #prepared = new Map<string, CommandFacts>();
  /** Names that the last reading asked for in vain. */
  readonly missing = new Set<string>();

  readonly #now: () => number;

  /**
   * @param parameters ParameterStatus as the server gave it at sign-in
   * @param now monotonic milliseconds
   */
  constructor(parameters: ReadonlyMap<string, string>, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#oldest = oldestAt(now(), undefined);
    this.#parameters = new Map(parameters);
    this.major = Number.parseInt(parameters.get('server_version') ?? '', 10);
  }

  /** A message of the client's is to be decided. */
  look(): void {
    this.#oldest = oldestAt(this.#now(), this.#pipelineSince);
  }

  /** Something of the extended query protocol went out since the last Sync. */
  get unsynchronised(): boolean {
    return this.#pipelineSince !== undefined;
  }

  /** A message of the extended query protocol goes out. */
  begin(): void {
    this.#pipelineSince ??= this.#now();
  }

  /** Nothing that the client asked is under way: the gateway may ask something itself. */
  get quiet(): boolean {
    return this.sent === this.done && !this.unsynchronised;
  }

  /** How the next text will be read. */
  readonly reading: ReadingContext = this.#makeReading();

  /**
   * A COPY FROM STDIN is on its way, and the server has not said whether it takes data: how it reads what the
   * client sends next depends on that, so nothing is sent on.
   */
  get awaitsCopy(): boolean {
    return this.#copyBy !== undefined && !this.copying;
  }

  /** A text goes out to be run: what it may change is not known any more. */
  noteEffects(facts: SqlFacts, by: 'query' | 'execute'): void {
    const { copiesIn, names } = facts.effects;
    // A text that was not read says nothing of itself until Sync: that is not waited for.
    const waits = by === 'query' || (facts.unread === undefined && !this.statements.skips(this.sent));
    if (copiesIn && waits) {
      this.#copyBy = by;
      this.#copyCycle = this.sent;
    }
    this.#noteSettings(facts);
    if (names || this.#undoes(facts)) this.statements.doubt(this.sent);
  }

  /** A transaction ends in which something was set. */
  #undoes({ effects }: SqlFacts): boolean {
    return effects.endsTransaction && this.#touchedInTransaction;
  }

  /** A statement is bound: planning it runs code that says of itself that it changes nothing, which nobody checks. */
  noteBinding(facts: SqlFacts): void {
    const { opaque, unknownCode } = facts.command.risk;
    if ((opaque || unknownCode) && isPlanned(facts.command)) this.#noteSettings(facts);
  }

  #noteSettings(facts: SqlFacts): void {
    const { ddl, opaque, unknownCode } = facts.command.risk;
    if (!facts.effects.settings && !this.#undoes(facts) && !ddl && !opaque && !unknownCode) return;
    this.#touchedCycle = this.sent;
    this.#touchedInTransaction = true;
    this.#path.forget();
    if (ddl || opaque || unknownCode) this.#functions.forget();
  }

  /** The client's Query or Sync goes out, which the server answers by ReadyForQuery. */
  end(): void {
    if (this.sent - this.done >= maxPipelines) {
      throw new SallyportError('tooMany', `more than ${maxPipelines} pipelines wait for their answers`);
    }
    this.#pipelineSince = undefined;
    this.sent += 1;
  }

  /** CopyInResponse. */
  copyIn(): void {
    const foreseen = this.#copyBy !== undefined && this.done === this.#copyCycle;
    // What was sent behind it the server may take for data, or skip, or answer.
    if (!foreseen && this.sent > this.done) {
      throw new SallyportError('protocolViolation', 'the server takes data that the gateway did not foresee');
    }
    if (this.#copyBy === 'execute') this.#copyBy = undefined;
    this.copying = true;
  }

  /** CopyDone or CopyFail. A Query may go on with another COPY. */
  copyEnd(): void {
    this.copying = false;
  }

  /** ErrorResponse. */
  failed(): void {
    this.copying = false;
    if (this.#copyBy === 'execute' && this.done === this.#copyCycle) this.#copyBy = undefined;
    this.statements.void(this.done);
  }

  /** ReadyForQuery. */
  ready(status: 'I' | 'T' | 'E'): void {
    if (this.sent === this.done) {
      // Whose answer is whose is not known any more: what is decided by it could be decided wrongly.
      throw new SallyportError('protocolViolation', 'an answer came that nothing was asked for');
    }
    this.refusals.settle(this.done);
    if (this.done >= this.#copyCycle) this.#copyBy = undefined;
    this.done += 1;
    this.copying = false;
    this.#hasRun = status === 'T' && this.status === 'T';
    this.status = status;
    this.statements.settle(this.done, this.status === 'I');
    if (this.status === 'I') {
      if (this.#touchedInTransaction && this.quiet) {
        this.#touchedInTransaction = false;
        this.#path.forget();
      }
    }
  }

  /** ParameterStatus. From 18 on servers report the search path; other things than SET change it, too. */
  setParameter(name: string, value: string): void {
    if (name === 'search_path') this.#path.forget();
    this.#parameters.set(name, value);
  }

  /** ParameterStatus too long to be read. Of those that matter here only the search path can be. */
  setLongParameter(): void {
    this.#path.forget();
  }

  /** What the server answered when asked. */
  setSearchPath(schemas: readonly string[]): void {
    // The same path stays the same object, so that what was read under it can be told by identity.
    if (!this.#lastPath || !isDeepStrictEqual(schemas, this.#lastPath)) this.#lastPath = schemas;
    this.#path.learn(this.#lastPath, this.#now());
  }

  /** Functions of the target that column notation may call; undefined: not known at this moment. */
  get functions(): ReadonlySet<string> | undefined {
    return this.#functions.since(this.#oldest);
  }

  setFunctions(names: ReadonlySet<string>): void {
    this.#functions.learn(names, this.#now());
  }

  /** Whether the server can be asked, now or when what is under way has been answered. */
  get mayAsk(): boolean {
    return !this.unsynchronised && !(this.status === 'E' && this.quiet);
  }

  /**
   * Whether the server is to be asked before a pipeline begins, which cannot be interrupted later. Not right behind
   * BEGIN: a question would take the snapshot that SET TRANSACTION must come before.
   */
  get asksAheadOfPipeline(): boolean {
    return (this.status === 'I' || (this.status === 'T' && this.#hasRun)) && this.#lacksWhatOthersMake;
  }

  /** The same before a transaction begins, since in it a question would take its snapshot. */
  get asksAheadOfTransaction(): boolean {
    return this.status === 'I' && this.#lacksWhatOthersMake;
  }

  /** The path was known and has aged. */
  get pathIsOld(): boolean {
    return this.#path.isOld(this.#oldest);
  }

  /**
   * A path that the session itself has set is asked for no sooner than it is needed: the question makes the server
   * make a temporary schema that stands first in it.
   */
  get #lacksWhatOthersMake(): boolean {
    return !this.unsynchronised && (this.functions === undefined || this.pathIsOld);
  }

  setPrepared(name: string, facts: CommandFacts): void {
    this.#prepared.set(name, facts);
  }

  /** Answers about prepared statements hold for one reading only. */
  forgetPrepared(): void {
    if (this.#prepared.size > 0) this.#prepared.clear();
  }

  #makeReading(): ReadingContext {
    const conversation = this;
    return {
      get major() {
        return conversation.major;
      },
      get searchPath() {
        return conversation.#path.since(conversation.#oldest);
      },
      get standardConformingStrings() {
        if (conversation.unsettled) return undefined;
        return conversation.#parameters.get('standard_conforming_strings') === 'on';
      },
      get clientEncoding() {
        return conversation.unsettled ? undefined : conversation.#parameters.get('client_encoding');
      },
      get settingsPending() {
        return conversation.#touchedInTransaction;
      },
      prepared(name: string): CommandFacts | undefined {
        const facts = conversation.#prepared.get(name);
        if (!facts) conversation.missing.add(name);
        return facts;
      },
      get portals() {
        return conversation.statements.hasBound() ? conversation.#portals : undefined;
      },
    };
  }

  /** By name, for FETCH and MOVE; not known where its names would be looked up by another path now. */
  readonly #portals: PortalLookUp = name => {
    if (!this.statements.hasBound(name)) return 'cursor';
    const found = this.statements.find('portal', name, this.sent);
    if (typeof found === 'string' || !this.stands(found)) return undefined;
    return found.facts;
  };

  /** Whether the names in a portal's statement are the ones that were decided. */
  stands({ facts, path }: SqlCommand): boolean {
    return path === 'any' || isPlanned(facts) || path === this.reading.searchPath;
  }

  /**
   * Settings may have changed in a pipeline that the server has not answered: it has not reported them yet. Where
   * something was set in the open transaction, anything that is under way may fail, which undoes it at once.
   */
  get unsettled(): boolean {
    return this.#touchedCycle >= this.done || (this.#touchedInTransaction && this.sent > this.done);
  }
}
