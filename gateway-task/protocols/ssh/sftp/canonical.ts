import { type PathRole, type Question, type Resolution, resolvePath } from './resolve.ts';
import type { Answer } from './wire/replies.ts';

const maxParents = 256;

interface Remembered {
  readonly answer: Answer;
  /** Milliseconds, as the clock says. */
  readonly at: number;
}

/**
 * Canonical paths in one channel. Directories that names stand in are remembered for a moment, so that a
 * thousand files in one directory cost one question; whatever this channel does that can turn a name into
 * another one forgets them all. What a link in the last place points to is asked each time.
 *
 * How safe that is: between the server's answer and the operation somebody else on the target (a shell, an
 * exec, another channel) may put a link where a directory was, and the operation then goes elsewhere than was
 * decided. SFTP has no way to open a file by what a path meant before, so this race stays, with or without
 * what is remembered, which makes its window `rememberMs` long instead of one round trip.
 */
export class CanonicalPaths {
  readonly #now: () => number;
  readonly #rememberMs: number;
  readonly #parents = new Map<string, Remembered>();
  /** What was asked for the request that waits. */
  readonly #answers = new Map<string, Remembered>();
  /** Where relative paths begin. A server does not change its directory. */
  #home: Answer | undefined;

  constructor(now: () => number, rememberMs: number) {
    this.#now = now;
    this.#rememberMs = rememberMs;
  }

  resolve(path: string, role: PathRole): Resolution {
    return resolvePath(path, role, this.#known);
  }

  /** The answer to a question that {@link resolve} had. */
  learn(question: Question, answer: Answer): void {
    if (question.kind === 'realpath' && question.path === '.' && answer.kind === 'path') this.#home = answer;
    this.#answers.set(keyOf(question), { answer, at: this.#now() });
  }

  /** The request that was asked for is decided. */
  decided(): void {
    if (this.#answers.size > 0) this.#answers.clear();
  }

  /** Names may mean something else from now on. */
  forget(): void {
    this.#parents.clear();
  }

  readonly #known = (question: Question, parent: boolean): Answer | undefined => {
    if (this.#home && question.kind === 'realpath' && question.path === '.') return this.#home;
    const asked = this.#answers.get(keyOf(question));
    if (asked !== undefined) {
      if (parent) this.#remember(question.path, asked);
      return asked.answer;
    }
    const remembered = parent ? this.#parents.get(question.path) : undefined;
    if (remembered === undefined || this.#now() - remembered.at >= this.#rememberMs) return undefined;
    return remembered.answer;
  };

  #remember(path: string, asked: Remembered): void {
    if (asked.answer.kind !== 'path') return;
    if (this.#parents.size >= maxParents) this.#parents.clear();
    this.#parents.set(path, asked);
  }
}

const keyOf = (question: Question): string => `${question.kind} ${question.path}`;
