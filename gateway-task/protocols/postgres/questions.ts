import type { Gate } from '#gateway/pipeline/gate.ts';
import type { Conversation } from './conversation.ts';
import { bind, close, execute, parse, sync } from './wire/build.ts';
import { backend, headBytes } from './wire/frames.ts';
import { readDataRow } from './wire/read.ts';

interface Question {
  readonly sql: string;
  /** The first column of the first row; undefined when there is none or the question failed. */
  readonly learn: (answer: Buffer | undefined) => void;
}

const searchPathSql = 'SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(true))';

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
  #queue: Question[] = [];
  #waiting = false;
  #current: Question | undefined;
  #answer: Buffer | undefined;

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
        if (answer) this.#conversation.setSearchPath(JSON.parse(answer.toString('utf8')) as string[]);
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
      sql: `SELECT statement FROM pg_catalog.${view} WHERE name = '${name.replaceAll("'", "''")}'`,
      learn: answer => answer && learn(answer),
    });
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
   * Takes a message of the server while `active`.
   * @returns whether it was an answer; if not, it is for the client.
   */
  take(frame: Buffer): boolean {
    switch (frame[0]) {
      case backend.dataRow:
        this.#answer ??= readDataRow(frame.subarray(headBytes))[0];
        return true;
      case backend.parseComplete:
      case backend.bindComplete:
      case backend.closeComplete:
      case backend.commandComplete:
      case backend.errorResponse:
        return true;
      case backend.readyForQuery: {
        const { learn } = this.#current!;
        const answer = this.#answer;
        this.#current = undefined;
        this.#answer = undefined;
        learn(answer);
        this.#next();
        return true;
      }
      default:
        return false;
    }
  }

  #next(): void {
    if (!this.#conversation.quiet) return;
    this.#current = this.#queue.shift();
    if (this.#current) {
      this.#gate.inject(question(this.#current.sql));
    } else if (this.#waiting) {
      this.#waiting = false;
      // Not at once: whoever asked is still on its way to wait.
      queueMicrotask(this.#answered);
    }
  }
}
