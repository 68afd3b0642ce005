import { randomBytes } from 'node:crypto';
import { errorTable, SallyportError } from '#lib/errors.ts';
import { errorResponse, parse, query } from './wire/build.ts';

const maxWaiting = 1_000;

interface Waiting {
  readonly number: number;
  readonly cycle: number;
  readonly reason: SallyportError;
}

/**
 * How a statement is refused without getting ahead of the server: in its place goes a text that the server
 * cannot parse, and the server's own syntax error on its way back is replaced by the refusal. So it is the
 * server that fails the transaction, skips the rest of the pipeline up to Sync and answers in order; half of
 * a transaction can never be committed, and nothing of that has to be imitated here.
 *
 * The word in the text is random for each session, so that no client can pass an error of its own for it.
 */
export class Refusals {
  readonly #word = `sallyport_refused_${randomBytes(9).toString('hex')}_`;
  #count = 0;
  #waiting: Waiting[] = [];

  /** What goes to the server in the place of a simple Query. */
  query(reason: SallyportError, cycle: number): Buffer {
    return query(this.#text(reason, cycle));
  }

  /** What goes to the server in the place of a message of the extended query protocol. */
  parse(reason: SallyportError, cycle: number): Buffer {
    // A name of its own: a failed Parse of the unnamed statement would drop the client's.
    return parse('sallyport_refused', this.#text(reason, cycle));
  }

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * @param frame a whole ErrorResponse of the server
   * @returns the refusal to send instead, or undefined for an error of the server's own
   */
  replace(frame: Buffer): Buffer | undefined {
    const position = frame.indexOf(this.#word);
    if (position < 0) return undefined;
    const digits = frame.toString('latin1', position + this.#word.length, position + this.#word.length + 12);
    const number = Number.parseInt(digits, 10);
    const found = this.#waiting.find(waiting => waiting.number === number);
    if (!found) return undefined;
    this.#waiting = this.#waiting.filter(waiting => waiting.number > number);
    return errorFrame(found.reason, 'ERROR');
  }

  /** The server is ready after this pipeline: what it has not answered by now it has skipped. */
  settle(cycle: number): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter(waiting => waiting.cycle > cycle);
  }

  #text(reason: SallyportError, cycle: number): string {
    if (this.#waiting.length >= maxWaiting) {
      throw new SallyportError(
        'tooMany',
        `more than ${maxWaiting} refused statements wait for their answers`,
      );
    }
    this.#count += 1;
    this.#waiting.push({ number: this.#count, cycle, reason });
    return `${this.#word}${this.#count}`;
  }
}

/** A coded error in PostgreSQL's words. */
export function errorFrame(reason: SallyportError, severity: 'ERROR' | 'FATAL'): Buffer {
  return errorResponse({
    severity,
    code: errorTable[reason.code].postgres,
    message: reason.message,
    detail: reason.detail,
    hint: reason.hint,
    position: reason.position?.toString(),
  });
}
