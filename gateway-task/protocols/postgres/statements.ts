import { SallyportError } from '#lib/errors.ts';
import type { SqlCommand } from './sql-command.ts';

/** So many names of one kind are remembered for a session. */
const maxNames = 4_096;
/** So many requests may wait for their answers: far more than socket buffers let an honest client have. */
const maxPending = 20_000;

/** A Parse, Bind or Close on its way; the server's answers come in the order of the requests. */
interface Pending {
  readonly kind: 'statement' | 'portal' | 'close-statement' | 'close-portal';
  readonly name: string;
  readonly command: SqlCommand | undefined;
  /** Number of the Sync (or Query) that ends the pipeline it stands in. */
  readonly cycle: number;
}

/** What a name stands for, or that only the server's answer will tell. */
export type LookUp = SqlCommand | 'unknown' | 'unsettled';

/**
 * Which statement each name stands for, by the server's answers and not by the client's requests: a
 * statement exists from ParseComplete on, a portal from BindComplete, and an error voids all that was asked
 * up to the next Sync. https://www.postgresql.org/docs/18/protocol-flow.html "Extended query" and "Pipelining".
 */
export class Statements {
  readonly #statements = new Map<string, SqlCommand>();
  readonly #portals = new Map<string, SqlCommand>();
  #pending: Pending[] = [];
  #first = 0;
  /** The last pipeline that may have changed what names stand for by SQL, unseen by this protocol's answers. */
  #doubtCycle = -1;
  /** The last pipeline in which the server said that something failed: it skips the rest. */
  #failedCycle = -1;

  /** Throws `tooMany`. */
  expect(kind: Pending['kind'], name: string, command: SqlCommand | undefined, cycle: number): void {
    // The server skips it, and gives no answer.
    if (cycle === this.#failedCycle) return;
    if (this.#pending.length - this.#first >= maxPending) {
      throw new SallyportError('tooMany', `more than ${maxPending} requests wait for their answers`);
    }
    this.#pending.push({ kind, name, command, cycle });
  }

  /** ParseComplete, BindComplete or CloseComplete. */
  confirm(): void {
    const request = this.#pending[this.#first];
    if (!request) return;
    this.#first += 1;
    if (this.#first === this.#pending.length || this.#first > 1_000) {
      this.#pending = this.#pending.slice(this.#first);
      this.#first = 0;
    }
    const names = request.kind.endsWith('statement') ? this.#statements : this.#portals;
    names.delete(request.name);
    if (!request.command) return;
    names.set(request.name, request.command);
    // The oldest is forgotten: the server has it still, and is asked when it is used.
    if (names.size > maxNames) names.delete(names.keys().next().value!);
  }

  /** ErrorResponse: the server skips the rest of this pipeline. */
  void(cycle: number): void {
    this.#failedCycle = cycle;
    if (this.#pending.length === this.#first) return;
    this.#pending = this.#pending.slice(this.#first).filter(request => request.cycle !== cycle);
    this.#first = 0;
  }

  /** SQL that prepares, deallocates, declares or closes goes out, or text that may do so unread. */
  doubt(cycle: number): void {
    this.#doubtCycle = cycle;
  }

  /** ReadyForQuery: `done` pipelines are answered. The end of a transaction closes its portals. */
  settle(done: number, idle: boolean): void {
    if (idle) this.#portals.clear();
    if (this.#first < this.#pending.length && this.#pending[this.#first]!.cycle < done) {
      this.#pending = this.#pending.slice(this.#first).filter(request => request.cycle >= done);
      this.#first = 0;
    }
    if (this.#doubtCycle < 0 || this.#doubtCycle >= done) return;
    this.#doubtCycle = -1;
    for (const names of [this.#statements, this.#portals]) {
      const unnamed = names.get('');
      names.clear();
      // SQL does not get at the unnamed one, but an EXECUTE in it stands for what SQL has prepared.
      if (unnamed && !unnamed.sql.sessionMatters) names.set('', unnamed);
    }
  }

  /** What the server said when it was asked. */
  learn(kind: 'statement' | 'portal', name: string, command: SqlCommand): void {
    (kind === 'statement' ? this.#statements : this.#portals).set(name, command);
  }

  /** @param cycle number of the pipeline in which the name is used */
  find(kind: 'statement' | 'portal', name: string, cycle: number): LookUp {
    const found = this.#find(kind, name, cycle);
    const stale = this.#doubtCycle >= 0 && typeof found === 'object' && found.sql.sessionMatters;
    return stale ? 'unsettled' : found;
  }

  #find(kind: 'statement' | 'portal', name: string, cycle: number): LookUp {
    // What stood before it in the pipeline may have changed what the name stands for.
    if (this.#doubtCycle === cycle && name !== '') return 'unsettled';
    for (let index = this.#pending.length - 1; index >= this.#first; index -= 1) {
      const request = this.#pending[index]!;
      if (request.name !== name || !request.kind.endsWith(kind)) continue;
      // In the same pipeline the later request runs only if the earlier one did.
      if (request.cycle === cycle) return request.command ?? 'unknown';
      return 'unsettled';
    }
    if (this.#doubtCycle >= 0 && name !== '') return 'unsettled';
    return (kind === 'statement' ? this.#statements : this.#portals).get(name) ?? 'unknown';
  }
}
