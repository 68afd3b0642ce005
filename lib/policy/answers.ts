import type { CedarAnswer, CedarRequest, PreparsedPolicies } from '#lib/policy/cedar.ts';
import type { ObjectTest } from '#lib/policy/object-tests.ts';

const maxKept = 1024;

/**
 * Cedar's answers, each worked out once for all objects that no policy tells apart. Paths of files are nearly all
 * different, and nearly all alike to policies; Cedar takes half a millisecond for each.
 */
export class Answers {
  readonly #cedar: PreparsedPolicies;
  readonly #tests: readonly ObjectTest[] | undefined;
  /** Oldest first. */
  readonly #kept = new Map<string, CedarAnswer>();

  /** @param tests what each policy asks of an object; undefined where that is not known */
  constructor(cedar: PreparsedPolicies, tests: readonly (ReadonlyMap<string, ObjectTest> | undefined)[]) {
    this.#cedar = cedar;
    const known = tests.filter(each => each !== undefined);
    this.#tests =
      known.length === tests.length ? [...new Map(known.flatMap(each => [...each])).values()] : undefined;
  }

  ask(request: CedarRequest): CedarAnswer {
    const key = this.#keyOf(request);
    if (key === undefined) return this.#cedar.ask(request);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const answer = this.#cedar.ask(request);
    // What an error says may quote the object.
    if (answer.errors.length === 0) {
      if (this.#kept.size >= maxKept) this.#kept.delete(this.#kept.keys().next().value!);
      this.#kept.set(key, answer);
    }
    return answer;
  }

  /** The request, with what the policies see of the object in its place. */
  #keyOf(request: CedarRequest): string | undefined {
    const { object } = request.context;
    // Half a surrogate pair is another character to Cedar.
    if (this.#tests === undefined || typeof object !== 'string' || !object.isWellFormed()) return undefined;
    const seen = this.#tests.map(test => (test(object) ? '1' : '0')).join('');
    return JSON.stringify({ ...request, context: { ...request.context, object: seen } });
  }
}
