import { isDeepStrictEqual } from 'node:util';
import type { CommandFacts } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import type { ReadingContext, SqlFacts } from '#lib/sql/facts.ts';
import { Refusals } from './refusal.ts';
import { Statements } from './statements.ts';

/** How long what the server said of its functions is taken to hold. */
const maxFunctionsAgeMs = 60_000;

/** So many pipelines may wait for their answers. */
const maxPipelines = 10_000;

/** Statements of SQL that make or end a portal. */
const namesCursors = /\b(?:DECLARE|CLOSE|DISCARD)\b/;

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
  /** Pipelines that the client has ended, and that the server has answered. */
  sent = 0;
  done = 0;
  /** Something of the extended query protocol went out since the last Sync. */
  unsynchronised = false;
  /** The pipeline in which a refusal stands: the rest of it is skipped. -1: none. */
  refusedCycle = -1;

  readonly #parameters: Map<string, string>;
  /** The server takes the client's data. */
  copying = false;
  /** The pipeline with a command that may have the server take data, until the server has said so or not. */
  #copyCycle = -1;
  #copyBy: 'query' | 'execute' | undefined;
  /** `current_schemas(true)`; undefined: not known at this moment. */
  #searchPath: readonly string[] | undefined;
  #lastPath: readonly string[] | undefined;
  /** Functions of the target that column notation may call, as they were asked for last. */
  functions: ReadonlySet<string> | undefined;
  #functionsAt = 0;
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
    this.#parameters = new Map(parameters);
    this.major = Number.parseInt(parameters.get('server_version') ?? '', 10);
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

  /** A text that may change settings, or undo such a change, goes out. */
  noteEffects(facts: SqlFacts, by: 'query' | 'execute'): void {
    // A text that was not read says nothing of itself until Sync: that is not waited for.
    if (facts.effects.copiesIn && (by === 'query' || facts.unread === undefined)) {
      this.#copyBy = by;
      this.#copyCycle = this.sent;
    }
    const { ddl, opaque, unknownCode } = facts.command.risk;
    if (facts.effects.settings || ddl || opaque || unknownCode) {
      this.#touchedCycle = this.sent;
      this.#touchedInTransaction = true;
      this.#searchPath = undefined;
      if (ddl || opaque || unknownCode) this.functions = undefined;
    }
    const { prepares, deallocates } = facts.effects;
    if (opaque || prepares.length > 0 || deallocates.length > 0 || namesCursors.test(facts.command.verb)) {
      this.statements.doubt(this.sent);
    }
  }

  /** The client's Query or Sync goes out, which the server answers by ReadyForQuery. */
  end(): void {
    if (this.sent - this.done >= maxPipelines) {
      throw new SallyportError('tooMany', `more than ${maxPipelines} pipelines wait for their answers`);
    }
    this.unsynchronised = false;
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
    this.status = status;
    this.statements.settle(this.done, this.status === 'I');
    if (this.status === 'I') {
      if (this.#touchedInTransaction && this.quiet) {
        this.#touchedInTransaction = false;
        this.#searchPath = undefined;
      }
    }
  }

  /** ParameterStatus. From 18 on servers report the search path; other things than SET change it, too. */
  setParameter(name: string, value: string): void {
    if (name === 'search_path') this.#searchPath = undefined;
    this.#parameters.set(name, value);
  }

  /** What the server answered when asked. */
  setSearchPath(schemas: readonly string[]): void {
    // The same path stays the same object, so that what was read under it can be told by identity.
    if (!this.#lastPath || !isDeepStrictEqual(schemas, this.#lastPath)) this.#lastPath = schemas;
    this.#searchPath = this.#lastPath;
  }

  setFunctions(names: ReadonlySet<string>): void {
    this.functions = names;
    this.#functionsAt = this.#now();
  }

  /** What others defined in the meantime is not known. */
  get functionsAreOld(): boolean {
    return this.functions === undefined || this.#now() - this.#functionsAt > maxFunctionsAgeMs;
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
        return conversation.#searchPath;
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
    };
  }

  /** Settings may have changed in a pipeline that the server has not answered: it has not reported them yet. */
  get unsettled(): boolean {
    return this.#touchedCycle >= this.done;
  }
}
