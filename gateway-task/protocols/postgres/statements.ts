import { SallyportError } from '#lib/errors.ts';
import { NamesHeld } from '#lib/sql/names-held.ts';
import type { SqlCommand } from './sql-command.ts';

/** So many names of one kind are remembered for a session. */
const maxNames = 4_096;
/** So many requests may wait for their answers: far more than socket buffers let an honest client have. */
const maxPending = 20_000;
/** Names of tables and functions in all that is remembered, some 100 bytes each; twice that with what waits. */
const maxNamesHeld = 200_000;

/** A Parse, Bind or Close on its way; the server's answers come in the order of the requests. */
interface Request {
  readonly kind: 'statement' | 'portal' | 'close-statement' | 'close-portal';
  readonly name: string;
  readonly command: SqlCommand | undefined;
  /** Number of the Sync (or Query) that ends the pipeline it stands in. */
  readonly cycle: number;
  /** What names stood for when it was decided: see `#meaning`. */
  readonly meaning: number;
}

/** What a name stands for, or that only the server's answer will tell. */
export type LookUp = SqlCommand | 'unknown' | 'unsettled';

/**
 * Which statement each name stands for, by the server's answers and not by the client's requests: a
 * statement exists from ParseComplete on, a portal from BindComplete, and an error voids all that was asked
 * up to the next Sync. https://www.postgresql.org/docs/18/protocol-flow.html "Extended query" and "Pipelining".
 */
export class Statements {
  readonly #statements = new Map<string, Request>();
  readonly #portals = new Map<string, Request>();
  /** Names of portals that the protocol was asked to bind since there was no transaction; undefined: too many. */
  #bound: Set<string> | undefined = new Set();
  #pending: Request[] = [];
  #first = 0;
  /** The last pipeline that may have changed what names stand for by SQL, unseen by this protocol's answers. */
  #doubtCycle = -1;
  /** The last pipeline in which the server said that something failed: it skips the rest. */
  #failedCycle = -1;
  /**
   * Counts whatever may change what names stand for, by protocol or by SQL. An EXECUTE or FETCH that was read
   * before the last change says nothing of what it would run now.
   */
  #meaning = 0;
  readonly #held = new NamesHeld();

  /** Throws `tooMany`. */
  expect(kind: Request['kind'], name: string, command: SqlCommand | undefined, cycle: number): void {
    // The server skips it, and gives no answer.
    if (cycle === this.#failedCycle) return;
    if (name !== '') this.#meaning += 1;
    if (kind === 'portal' && name !== '') this.#bind(name);
    this.#hold(command);
    const waiting = this.#pending.length - this.#first;
    if (waiting >= maxPending || this.#held.names > 2 * maxNamesHeld) {
      throw new SallyportError(
        'tooMany',
        `more than ${maxPending} requests, or ${2 * maxNamesHeld} names in them, wait for their answers`,
      );
    }
    this.#pending.push({ kind, name, command, cycle, meaning: this.#meaning });
  }

  /** ParseComplete, BindComplete or CloseComplete. */
  confirm(): void {
    const request = this.#pending[this.#first];
    if (!request) return;
    this.#first += 1;
    if (this.#first === this.#pending.length || this.#first > 100) {
      this.#pending = this.#pending.slice(this.#first);
      this.#first = 0;
    }
    const names = request.kind.endsWith('statement') ? this.#statements : this.#portals;
    if (request.command) this.#keep(names, request);
    else this.#drop(names, request.name);
  }

  /** ErrorResponse: the server skips the rest of this pipeline. */
  void(cycle: number): void {
    this.#failedCycle = cycle;
    this.#forget(request => request.cycle === cycle);
  }

  /** Whether the server skips what is sent in this pipeline. */
  skips(cycle: number): boolean {
    return cycle === this.#failedCycle;
  }

  /** SQL that prepares, deallocates, declares or closes goes out, or text that may do so unread. */
  doubt(cycle: number): void {
    this.#doubtCycle = cycle;
    this.#meaning += 1;
  }

  /** ReadyForQuery: `done` pipelines are answered. The end of a transaction closes its portals. */
  settle(done: number, idle: boolean): void {
    if (idle) {
      for (const name of this.#portals.keys()) this.#drop(this.#portals, name);
    }
    if (this.#first < this.#pending.length && this.#pending[this.#first]!.cycle < done) {
      this.#forget(request => request.cycle < done);
    }
    if (idle && this.hasBound()) {
      this.#bound = new Set();
      for (const { kind, name } of this.#pending) if (kind === 'portal' && name !== '') this.#bind(name);
    }
    if (this.#doubtCycle < 0 || this.#doubtCycle >= done) return;
    this.#doubtCycle = -1;
    for (const names of [this.#statements, this.#portals]) {
      // SQL does not get at the unnamed one.
      for (const name of names.keys()) if (name !== '') this.#drop(names, name);
    }
  }

  /** What the server said when it was asked. */
  learn(kind: 'statement' | 'portal', name: string, command: SqlCommand): void {
    this.#hold(command);
    const names = kind === 'statement' ? this.#statements : this.#portals;
    this.#keep(names, { kind, name, command, cycle: -1, meaning: this.#meaning });
  }

  /** @param cycle number of the pipeline in which the name is used */
  find(kind: 'statement' | 'portal', name: string, cycle: number): LookUp {
    const found = this.#find(kind, name, cycle);
    if (typeof found === 'string') return found;
    if (found.command === undefined) return 'unknown';
    if (found.command.sql.namesMatter && found.meaning !== this.#meaning) {
      return this.#doubtCycle >= 0 || this.#pending.length > this.#first ? 'unsettled' : 'unknown';
    }
    return found.command;
  }

  /** Whether the protocol may have bound a portal of this name, or of any. */
  hasBound(name?: string): boolean {
    if (this.#bound === undefined) return true;
    return name === undefined ? this.#bound.size > 0 : this.#bound.has(name);
  }

  #bind(portal: string): void {
    this.#bound?.add(portal);
    if ((this.#bound?.size ?? 0) > maxPending) this.#bound = undefined;
  }

  #find(kind: 'statement' | 'portal', name: string, cycle: number): Request | 'unknown' | 'unsettled' {
    // What stood before it in the pipeline may have changed what the name stands for.
    if (this.#doubtCycle === cycle && name !== '') return 'unsettled';
    for (let index = this.#pending.length - 1; index >= this.#first; index -= 1) {
      const request = this.#pending[index]!;
      if (request.name !== name || !request.kind.endsWith(kind)) continue;
      // In the same pipeline the later request runs only if the earlier one did.
      return request.cycle === cycle ? request : 'unsettled';
    }
    if (this.#doubtCycle >= 0 && name !== '') return 'unsettled';
    return (kind === 'statement' ? this.#statements : this.#portals).get(name) ?? 'unknown';
  }

  #hold(command: SqlCommand | undefined): void {
    if (command) this.#held.hold(command.text);
  }

  #release(request: Request): void {
    if (request.command) this.#held.release(request.command.text);
  }

  /** The oldest are forgotten: the server has them still, and is asked when they are used. */
  #keep(names: Map<string, Request>, request: Request): void {
    this.#drop(names, request.name);
    names.set(request.name, request);
    for (const oldest of names.keys()) {
      if (names.size <= maxNames && (this.#held.names <= maxNamesHeld || oldest === request.name)) break;
      this.#drop(names, oldest);
    }
  }

  #drop(names: Map<string, Request>, name: string): void {
    const request = names.get(name);
    if (!request) return;
    this.#release(request);
    names.delete(name);
  }

  #forget(gone: (request: Request) => boolean): void {
    if (this.#pending.length === this.#first) return;
    const kept: Request[] = [];
    for (const request of this.#pending.slice(this.#first)) {
      if (gone(request)) this.#release(request);
      else kept.push(request);
    }
    this.#pending = kept;
    this.#first = 0;
  }
}
