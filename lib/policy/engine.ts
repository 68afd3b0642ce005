import type { CommandFacts, Operation } from '#lib/command.ts';
import { Actions } from '#lib/policy/actions.ts';
import { combine } from '#lib/policy/annotations.ts';
import { Answers } from '#lib/policy/answers.ts';
import { CedarError, type CedarRequest, PreparsedPolicies } from '#lib/policy/cedar.ts';
import { uses } from '#lib/policy/context-use.ts';
import type { Decision, DecisionInput, SystemInput } from '#lib/policy/decision.ts';
import { inputDigest } from '#lib/policy/input-digest.ts';
import { type Policy, readSnapshotPolicy } from '#lib/policy/policy.ts';
import { commandRequest, connectRequest, systemRequest } from '#lib/policy/request.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';

/** The answer to one question: may this action be done to this object? */
export interface Answer {
  readonly action: string;
  /** `undefined` when all objects of the operation were asked about together, or there are none. */
  readonly object: string | undefined;
  readonly objects: readonly string[];
  readonly effect: 'allow' | 'deny';
  readonly policies: readonly string[];
  readonly errors: readonly string[];
  readonly message: string;
}

export interface Explanation {
  readonly decision: Decision;
  readonly answers: readonly Answer[];
}

/** A command that would need more questions is refused: each takes a fraction of a millisecond of everybody's time. */
const maxQuestions = 512;
/** The same for names in all questions together, where policies look at all objects or functions of a command. */
const maxNames = 100_000;
const maxCachedDecisions = 4096;
/** Attributes of the context that change as time goes by. */
const timeAttributes = ['now', 'hour', 'weekday'];

/**
 * Decides by one policy snapshot: default deny, forbid wins, what cannot be evaluated is denied. Holds nothing
 * that would have to be released.
 */
export class PolicyEngine {
  readonly version: string;
  /** Whether the same question can have another answer in another minute. */
  readonly timeMatters: boolean;
  readonly #actions: Actions;
  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #answers: Answers;
  readonly #decisions = new Map<string, Decision>();

  private constructor(snapshot: Snapshot) {
    this.version = snapshot.version;
    this.#actions = new Actions(snapshot.schema);
    this.#policies = new Map(snapshot.policies.map(p => [p.id, readSnapshotPolicy(p, this.#actions)]));
    if (this.#policies.size !== snapshot.policies.length) {
      throw new CedarError('two policies of the snapshot have one id, so one of them would not count');
    }
    this.#answers = new Answers(
      new PreparsedPolicies(Object.fromEntries(snapshot.policies.map(policy => [policy.id, policy.text]))),
      [...this.#policies.values()].map(policy => policy.objectTests),
    );
    this.timeMatters = this.#somePolicy(policy => timeAttributes.some(name => uses(policy.use, name)));
  }

  /** Takes some milliseconds for each ten policies. Throws `CedarError` when the snapshot cannot be used. */
  static load(snapshot: Snapshot): PolicyEngine {
    return new PolicyEngine(snapshot);
  }

  /** Never throws. The same question to the same engine has one answer, and is worked out once. */
  decide(input: DecisionInput): Decision {
    const digest = inputDigest(input, this.timeMatters);
    const known = this.#decisions.get(digest);
    if (known !== undefined) return known;
    const { decision } = this.#explain(input, digest);
    if (this.#decisions.size >= maxCachedDecisions) {
      this.#decisions.delete(this.#decisions.keys().next().value as string);
    }
    this.#decisions.set(digest, decision);
    return decision;
  }

  /** The decision with the answer to every question that it is made of. */
  explain(input: DecisionInput): Explanation {
    return this.#explain(input, inputDigest(input, this.timeMatters));
  }

  /** May this principal ask this of the control plane? */
  permits(input: SystemInput): Pick<Decision, 'effect' | 'policies' | 'message' | 'version'> {
    const { action } = input;
    const answer = this.#actions.appliesTo(action, 'System')
      ? this.#ask(systemRequest(this.#actions, input), [], undefined)
      : unknownAction(action, []);
    const { effect, policies, message } = answer;
    return { effect, policies, message, version: this.version };
  }

  #explain(input: DecisionInput, digest: string): Explanation {
    const answers =
      input.command === undefined
        ? [this.#ask(connectRequest(this.#actions, input), [], undefined)]
        : this.#askAboutCommand(input, input.command);
    const denied = answers.filter(answer => answer.effect === 'deny');
    const deciding = denied.length > 0 ? denied : answers;
    const policies = [...new Set(deciding.flatMap(answer => answer.policies))].sort();
    const errors = [...new Set(answers.flatMap(answer => answer.errors))];
    const annotations = policies.map(id => this.#policy(id).annotations);
    const decision: Decision = {
      effect: denied.length > 0 ? 'deny' : 'allow',
      policies,
      message: sentences(deciding.map(answer => answer.message)),
      ...combine(annotations, input.command === undefined ? 'with limits' : 'without limits'),
      ...(errors.length > 0 ? { errors } : {}),
      version: this.version,
      inputDigest: digest,
    };
    return { decision, answers };
  }

  #askAboutCommand(input: DecisionInput, facts: CommandFacts): Answer[] {
    const questions: { readonly operation: Operation; readonly object: string | undefined }[] = [];
    for (const operation of facts.operations) {
      const objects = this.#asksByObject(operation) ? operation.objects : [undefined];
      if (questions.length + objects.length > maxQuestions) {
        return [refusal(`The command touches more than ${maxQuestions} objects, which is ${tooMany}`)];
      }
      for (const object of objects) questions.push({ operation, object });
    }
    if (questions.length === 0) return [refusal('The gateway cannot tell what the command would do.')];
    const functions = this.#looksAt('functions') ? facts.functions : [];
    const named = this.#looksAt('objects') ? facts.operations.flatMap(each => each.objects).length : 0;
    if (questions.length * (functions.length + named) > maxNames) {
      return [refusal(`The command names many objects and functions together, ${tooMany}`)];
    }
    return questions.map(({ operation, object }) =>
      this.#actions.isCommand(operation.action)
        ? this.#ask(
            commandRequest(this.#actions, input, facts, operation, object ?? '', {
              objects: this.#looksAt('objects') ? operation.objects : [],
              functions,
            }),
            operation.objects,
            object,
          )
        : unknownAction(operation.action, operation.objects),
    );
  }

  /** Objects are asked about one by one only where some policy tells one from another. */
  #asksByObject(operation: Operation): boolean {
    return (
      operation.objects.length > 0 &&
      this.#somePolicy(policy => uses(policy.use, 'object') && policy.mayDecide(operation.action))
    );
  }

  #ask(request: CedarRequest, objects: readonly string[], object: string | undefined): Answer {
    const { effect, policies, errors } = this.#answers.ask(request);
    const failed = errors.map(({ policy, message }) =>
      policy === undefined ? message : `policy ${policy}: ${message}`,
    );
    const touched = object ?? objects.join(', ');
    const what = `${request.action.id}${touched === '' ? '' : ` on ${touched}`}`;
    return {
      action: request.action.id,
      object,
      objects,
      effect: failed.length > 0 ? 'deny' : effect,
      policies: [...policies].sort(),
      errors: failed,
      message:
        failed.length > 0
          ? `Policy could not be evaluated for ${what}, so it is refused.`
          : this.#message(request, what, effect, policies),
    };
  }

  /** What the deciding policies say; where there are none, what those say that would permit something like it. */
  #message(
    request: CedarRequest,
    what: string,
    effect: Answer['effect'],
    deciding: readonly string[],
  ): string {
    if (deciding.length === 0) {
      const near = this.#policies.values().filter(policy => policy.nearlyPermits(request));
      return sentences([`No policy permits ${what}.`, ...near.map(policy => policy.annotations.message)]);
    }
    const unsaid = (id: string) => (effect === 'deny' ? `Policy ${id} forbids ${what}.` : undefined);
    return sentences(deciding.map(id => this.#policy(id).annotations.message ?? unsaid(id)));
  }

  #policy(id: string): Policy {
    const policy = this.#policies.get(id);
    if (policy === undefined)
      throw new TypeError(`Cedar answered with a policy that it was not given: ${id}`);
    return policy;
  }

  #looksAt(attribute: string): boolean {
    return this.#somePolicy(policy => uses(policy.use, attribute));
  }

  #somePolicy(test: (policy: Policy) => boolean): boolean {
    return this.#policies.values().some(test);
  }
}

const tooMany = 'more than policy is asked about at once. Split it.';

function refusal(message: string): Answer {
  return { action: '', object: undefined, objects: [], effect: 'deny', policies: [], errors: [], message };
}

function unknownAction(action: string, objects: readonly string[]): Answer {
  return { ...refusal(`Policy knows no action ${action}.`), action, objects };
}

function sentences(all: readonly (string | undefined)[]): string {
  return [...new Set(all.filter(text => text !== undefined && text !== ''))].join(' ');
}
