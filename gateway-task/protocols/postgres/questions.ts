import { randomBytes } from 'node:crypto';
import type { Gate } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import { pathOf } from '#lib/sql/search-path.ts';
import type { Conversation } from './conversation.ts';
import { bind, close, execute, parse, sync } from './wire/build.ts';
import { backend, headBytes } from './wire/frames.ts';
import { readDataRow, readErrorFields } from './wire/read.ts';

interface Question {
  /** Text of a SELECT behind its first column, which marks the answer as one to this question. */
  readonly sql: string;
  /** The second column of the first row; undefined when there is none or the question failed. */
  readonly learn: (answer: Buffer | undefined) => void;
}

/*
 * Every function, operator and type is written with its schema: by the client's own `search_path` another could be
 * taken, and run in the gateway's name.
 */

/** The effective schemas, and the setting, with those in it that are not. */
export const searchPathSql =
  "pg_catalog.json_build_array(pg_catalog.array_to_json(pg_catalog.current_schemas(true)), pg_catalog.current_setting('search_path'))";

/**
 * Names of functions that take one argument, but for PostgreSQL's own in `pg_catalog`: `row.f` calls one where
 * there is no such column. What came later has numbers from 16384 on (`FirstNormalObjectId`), in that schema, too.
 * In letters that mean the same in every `client_encoding`.
 */
export const functionsSql = [
  "pg_catalog.encode(pg_catalog.convert_to(coalesce(pg_catalog.json_agg(DISTINCT p.proname::pg_catalog.text)::pg_catalog.text, '[]'), 'UTF8'), 'base64')",
  'FROM pg_catalog.pg_proc p',
  "WHERE (p.pronamespace OPERATOR(pg_catalog.<>) '11'::pg_catalog.oid OR p.oid OPERATOR(pg_catalog.>=) '16384'::pg_catalog.oid)",
  'AND p.pronargs OPERATOR(pg_catalog.>=) 1',
  'AND p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults OPERATOR(pg_catalog.<=) 1',
].join(' ');

/** What the server answers to a question, in this order and nothing between; a row may be missing. */
const expected = [
  backend.closeComplete,
  backend.parseComplete,
  backend.bindComplete,
  backend.dataRow,
  backend.commandComplete,
  backend.closeComplete,
  backend.closeComplete,
  backend.readyForQuery,
];
const rowStep = expected.indexOf(backend.dataRow);
const lastStep = expected.length - 1;

/** No client's statement or portal is called this. */
const reserved = 'sallyport_question';

/** A simple Query would drop the client's unnamed statement: names of the gateway's own leave everything be. */
function question(sql: string): Buffer {
  return Buffer.concat([
    // One that failed has left its statement behind; closing what is not there is no error.
    close('S', reserved),
    parse(reserved, sql),
    bind(reserved, reserved),
    execute(reserved),
    close('P', reserved),
    close('S', reserved),
    sync(),
  ]);
}

/**
 * What the gateway asks the server over the client's own session, between the client's messages: only there
 * are temporary tables, uncommitted definitions and the session's real settings seen. The client never sees
 * question or answer; what the server tells unasked on the way (notices, settings) goes on to it.
 */
export class Questions {
  readonly #conversation: Conversation;
  readonly #gate: Gate;
  readonly #answered: () => void;
  #queue: (Question | (() => void))[] = [];
  #waiting = false;
  #current: Question | undefined;
  #answer: Buffer | undefined;
  #mark = '';
  #step = 0;

  /** @param answered called when all that was asked since `start` is answered */
  constructor(conversation: Conversation, gate: Gate, answered: () => void) {
    this.#conversation = conversation;
    this.#gate = gate;
    this.#answered = answered;
  }

  askSearchPath(): void {
    this.#queue.push({
      sql: searchPathSql,
      learn: answer => {
        // Other letters than ASCII come in the client's encoding: then the path stays unknown.
        if (!answer?.every(byte => byte < 0x80)) return;
        const [effective, setting] = JSON.parse(answer.toString('latin1')) as [string[], string];
        const path = pathOf(effective, setting);
        if (path) this.#conversation.setSearchPath(path);
      },
    });
  }

  /** Asks which functions may be called in the notation of a column. */
  askFunctions(): void {
    this.#queue.push({
      sql: functionsSql,
      learn: answer => {
        if (!answer) return;
        const names = JSON.parse(Buffer.from(answer.toString('latin1'), 'base64').toString()) as string[];
        this.#conversation.setFunctions(new Set(names));
      },
    });
  }

  /** Asks for the text of a prepared statement or a cursor. `learn` is called only when there is one. */
  askStatement(
    view: 'pg_prepared_statements' | 'pg_cursors',
    name: string,
    learn: (text: Buffer) => void,
  ): void {
    // Any other name would have to be quoted by the session's encoding and settings: it stays unknown.
    if (!/^[\x20-\x7e]{0,63}$/.test(name) || name.includes('\\')) return;
    this.#queue.push({
      sql: `statement FROM pg_catalog.${view} WHERE name OPERATOR(pg_catalog.=) '${name.replaceAll("'", "''")}'::pg_catalog.text`,
      learn: answer => answer && learn(answer),
    });
  }

  /** Calls back when all that was asked so far is answered. */
  afterwards(then: () => void): void {
    this.#queue.push(then);
  }

  /** Asks as soon as nothing of the client's is under way. */
  start(): void {
    this.#waiting = true;
    this.#next();
  }

  /** The server is ready and nothing of the client's is under way. */
  onQuiet(): void {
    if (this.#waiting && !this.#current) this.#next();
  }

  /** An answer is under way: the server's messages are for the gateway. */
  get active(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Takes a message of the server while `active`. Throws when it is neither an answer nor something that the
   * server may say at any time: then the gateway has lost count, and must not go on deciding.
   *
   * @returns whether it was an answer; if not, it is for the client.
   */
  take(frame: Buffer): boolean {
    const type = frame[0]!;
    if (
      type === backend.noticeResponse ||
      type === backend.parameterStatus ||
      type === backend.notificationResponse
    ) {
      return false;
    }
    if (type === backend.errorResponse) {
      if (readErrorFields(frame.subarray(headBytes)).severity !== 'ERROR') return false;
      this.#step = lastStep;
      return true;
    }
    if (this.#step === rowStep && type !== backend.dataRow) this.#step += 1;
    if (type !== expected[this.#step]) throw outOfStep();
    this.#step += 1;
    if (type === backend.dataRow) this.#readRow(frame);
    if (type === backend.readyForQuery) this.#finish();
    return true;
  }

  #readRow(frame: Buffer): void {
    const [mark, answer] = readDataRow(frame.subarray(headBytes));
    if (mark?.toString('latin1') !== this.#mark) throw outOfStep();
    this.#answer = answer;
  }

  #finish(): void {
    const { learn } = this.#current!;
    const answer = this.#answer;
    this.#current = undefined;
    this.#answer = undefined;
    learn(answer);
    this.#next();
  }

  #next(): void {
    if (!this.#conversation.quiet) return;
    let next = this.#queue.shift();
    for (; typeof next === 'function'; next = this.#queue.shift()) next();
    this.#current = next;
    if (this.#current) {
      // Random, so that nothing a client has the server say can pass for an answer.
      this.#mark = randomBytes(12).toString('hex');
      this.#step = 0;
      this.#gate.inject(question(`SELECT '${this.#mark}', ${this.#current.sql}`));
    } else if (this.#waiting) {
      this.#waiting = false;
      // Not at once: whoever asked is still on its way to wait.
      queueMicrotask(this.#answered);
    }
  }
}

function outOfStep(): SallyportError {
  return new SallyportError('protocolViolation', 'the server answers something else than the gateway asked');
}
