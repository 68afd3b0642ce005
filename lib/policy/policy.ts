import type { Actions } from '#lib/policy/actions.ts';
import { type Annotations, readAnnotations } from '#lib/policy/annotations.ts';
import { CedarError, type PolicyJson, readPolicy } from '#lib/policy/cedar.ts';
import { type ContextUse, contextUse } from '#lib/policy/context-use.ts';
import type { PolicyText } from '#lib/policy/snapshot.ts';

/** A policy of a snapshot, read. */
export interface Policy {
  readonly source: PolicyText;
  readonly annotations: Annotations;
  readonly use: ContextUse;
  /** Whether the scope of the policy, `action == …` or `action in …`, leaves room for the action. */
  readonly mayDecide: (action: string) => boolean;
}

/** Throws `CedarError` for a text that is not one policy, or whose annotations say nothing. */
export function readSnapshotPolicy(source: PolicyText, actions: Actions): Policy {
  const json = readPolicy(source.text);
  const { annotations, problems } = readAnnotations(json.annotations ?? {});
  const [first] = problems;
  if (first !== undefined) {
    throw new CedarError(`@${first.annotation} of policy ${source.id} ${first.problem}`);
  }
  return { source, annotations, use: contextUse(json), mayDecide: actionScope(json, actions) };
}

/** Which actions the scope of a policy leaves room for. */
export function actionScope(json: PolicyJson, actions: Actions): (action: string) => boolean {
  const scope = json.action;
  if (scope.op === 'All') return () => true;
  const uids =
    'entities' in scope ? scope.entities : 'entity' in scope ? [scope.entity] : /* a template's slot */ [];
  const groups = uids.map(uid => ('__entity' in uid ? uid.__entity.id : uid.id));
  return scope.op === '=='
    ? action => groups.includes(action)
    : action => groups.some(group => actions.isIn(action, group));
}
