import type { Actions } from '#lib/policy/actions.ts';
import type { CedarRequest, EntityJson, PolicyJson, TypeAndId } from '#lib/policy/cedar.ts';

type ActionScope = PolicyJson['action'];
type EntityScope = PolicyJson['principal'] | PolicyJson['resource'];

/** Which actions the scope of a policy leaves room for. */
export function actionScope(scope: ActionScope, actions: Actions): (action: string) => boolean {
  if (scope.op === 'All') return () => true;
  const uids = 'entities' in scope ? scope.entities : 'entity' in scope ? [scope.entity] : [];
  const named = uids.map(uid => plain(uid).id);
  return scope.op === '=='
    ? action => named.includes(action)
    : action => named.some(group => actions.isIn(action, group));
}

/** Whether the scope of a policy, without its conditions, matches who asks and what is asked about. */
export function matchesScope({ principal, resource }: PolicyJson, request: CedarRequest): boolean {
  return (
    matchesEntity(principal, request.principal, request.entities) &&
    matchesEntity(resource, request.resource, request.entities)
  );
}

function matchesEntity(scope: EntityScope, uid: TypeAndId, entities: readonly EntityJson[]): boolean {
  switch (scope.op) {
    case 'All':
      return true;
    case '==':
      return 'entity' in scope && same(plain(scope.entity), uid);
    case 'in':
      return 'entity' in scope && isIn(uid, plain(scope.entity), entities);
    case 'is':
      return (
        scope.entity_type === uid.type &&
        (scope.in === undefined || ('entity' in scope.in && isIn(uid, plain(scope.in.entity), entities)))
      );
  }
}

function isIn(uid: TypeAndId, group: TypeAndId, entities: readonly EntityJson[]): boolean {
  const parents = entities.find(entity => same(plain(entity.uid), uid))?.parents ?? [];
  return same(uid, group) || parents.some(parent => same(plain(parent), group));
}

function plain(uid: TypeAndId | { readonly __entity: TypeAndId }): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid;
}

function same(a: TypeAndId, b: TypeAndId): boolean {
  return a.type === b.type && a.id === b.id;
}
