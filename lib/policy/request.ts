import type { CommandFacts, Operation } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';
import type { Actions } from '#lib/policy/actions.ts';
import type { CedarRequest, CedarValueJson, EntityJson, TypeAndId } from '#lib/policy/cedar.ts';
import type { DecisionInput, SystemInput } from '#lib/policy/decision.ts';

const minuteMs = 60_000;

/** The minute that a moment is in, counted from the epoch. Policies see nothing finer. */
export function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / minuteMs);
}

type Context = Record<string, CedarValueJson>;

/** Who acts, as the schema has it. */
function principalEntity(principal: Principal): EntityJson & { uid: TypeAndId } {
  const { issuer, subject, name, kind, onBehalfOf } = principal;
  return {
    // An issuer has no #, so the first one parts the two.
    uid: { type: 'User', id: `${issuer}#${subject}` },
    attrs: {
      issuer,
      subject,
      name,
      kind: { __entity: { type: 'Kind', id: kind } },
      ...(onBehalfOf === undefined
        ? {}
        : { onBehalfOf: { subject: onBehalfOf.subject, name: onBehalfOf.name } }),
    },
    parents: principal.groups.map(id => ({ type: 'Group', id })),
  };
}

function targetEntity(target: DecisionInput['target']): EntityJson & { uid: TypeAndId } {
  return {
    uid: { type: 'Target', id: target.name },
    attrs: { name: target.name, protocol: target.protocol },
    parents: [],
    tags: { ...target.tags },
  };
}

function requestContext(context: SystemInput['context']): Context {
  const start = new Date(minuteOf(context.now) * minuteMs);
  return {
    sourceAddress: { __extn: { fn: 'ip', arg: plainAddress(context.sourceAddress) } },
    now: { __extn: { fn: 'datetime', arg: start.toISOString() } },
    hour: start.getUTCHours(),
    weekday: start.getUTCDay() === 0 ? 7 : start.getUTCDay(),
  };
}

/** A socket says `::ffff:10.0.0.1` and `fe80::1%eth0` where policies mean 10.0.0.1 and fe80::1. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '');
}

function sessionContext(context: DecisionInput['context']): Context {
  const { place = '', grant } = context;
  return {
    ...requestContext(context),
    place,
    ...(grant === undefined ? {} : { grant: { id: grant.id, reason: grant.reason } }),
  };
}

/** May this principal open a session here? */
export function connectRequest(actions: Actions, input: DecisionInput): CedarRequest {
  return targetRequest(actions, input, 'connect', sessionContext(input.context));
}

function targetRequest(actions: Actions, input: DecisionInput, name: string, context: Context): CedarRequest {
  const principal = principalEntity(input.principal);
  const action = actions.entity(name);
  const target = targetEntity(input.target);
  const entities = [principal, action, target];
  return { principal: principal.uid, action: action.uid, resource: target.uid, context, entities };
}

/**
 * A function that is called by its schema stands there without it as well, so that a policy that forbids `dblink`
 * needs not know in which schemas it lies.
 */
function withBareNames(functions: readonly string[]): string[] {
  const bare = functions.map(name => /(?:"(?:[^"]|"")*"|[^".]+)$/.exec(name)?.[0] ?? name);
  return [...new Set([...functions, ...bare])];
}

/**
 * May this principal do one operation of a command to one of its objects? `''` stands for none.
 *
 * @param names what policies look at; what none looks at may be left empty
 */
export function commandRequest(
  actions: Actions,
  input: DecisionInput,
  facts: CommandFacts,
  operation: Operation,
  object: string,
  names: { readonly objects: readonly string[]; readonly functions: readonly string[] },
): CedarRequest {
  return targetRequest(actions, input, operation.action, {
    ...sessionContext(input.context),
    verb: facts.verb,
    object,
    objects: [...names.objects],
    functions: withBareNames(names.functions),
    ...facts.risk,
  });
}

/** May this principal ask this of the control plane? */
export function systemRequest(actions: Actions, input: SystemInput): CedarRequest {
  const principal = principalEntity(input.principal);
  const action = actions.entity(input.action);
  return {
    principal: principal.uid,
    action: action.uid,
    resource: { type: 'System', id: 'sallyport' },
    context: requestContext(input.context),
    entities: [principal, action],
  };
}
