import type { Actions } from '#lib/policy/actions.ts';
import { type Annotations, readAnnotations } from '#lib/policy/annotations.ts';
import { CedarError, type CedarRequest, readPolicy } from '#lib/policy/cedar.ts';
import { type ContextUse, contextUse } from '#lib/policy/context-use.ts';
import { type ObjectTest, objectTests } from '#lib/policy/object-tests.ts';
import { actionScope, matchesScope } from '#lib/policy/scope.ts';
import type { PolicyText } from '#lib/policy/snapshot.ts';

/** A policy of a snapshot, read. */
export interface Policy {
  readonly annotations: Annotations;
  readonly use: ContextUse;
  /** What it asks of the object; undefined: that cannot be told. */
  readonly objectTests: ReadonlyMap<string, ObjectTest> | undefined;
  /** Whether its scope, `action == …` or `action in …`, leaves room for the action. */
  readonly mayDecide: (action: string) => boolean;
  /** Whether it is a permit that only its conditions kept from permitting the request. */
  readonly nearlyPermits: (request: CedarRequest) => boolean;
}

/** Throws `CedarError` for a text that is not one policy, or whose annotations say nothing. */
export function readSnapshotPolicy(source: PolicyText, actions: Actions): Policy {
  const json = readPolicy(source.text);
  const { annotations, problems } = readAnnotations(json.annotations ?? {});
  const [first] = problems;
  if (first !== undefined) {
    throw new CedarError(`@${first.annotation} of policy ${source.id} ${first.problem}`);
  }
  const mayDecide = actionScope(json.action, actions);
  return {
    annotations,
    use: contextUse(json),
    objectTests: objectTests(json),
    mayDecide,
    nearlyPermits: request =>
      json.effect === 'permit' && mayDecide(request.action.id) && matchesScope(json, request),
  };
}
