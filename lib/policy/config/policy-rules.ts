import { type DetailedError, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { Actions } from '#lib/policy/actions.ts';
import { readAnnotations } from '#lib/policy/annotations.ts';
import type { WrittenPolicy } from '#lib/policy/config/cedar-file.ts';
import type { Mistake } from '#lib/policy/config/mistake.ts';
import { didYouMean } from '#lib/policy/config/nearest.ts';
import { actionScope } from '#lib/policy/scope.ts';

/** Names that policies may use. `undefined` where the file that has them could not be read. */
export interface Names {
  readonly targets: readonly string[] | undefined;
  readonly approvals: readonly string[] | undefined;
  readonly maskClasses: readonly string[] | undefined;
}

/** What is wrong with policies taken together: with one another, with the schema, with the other files. */
export function checkPolicies(policies: readonly WrittenPolicy[], schema: string, names: Names): Mistake[] {
  return [
    ...duplicates(policies),
    ...schemaMistakes(policies, schema),
    ...limitsWithoutConnect(policies, schema),
    ...policies.flatMap(policy => unknownNames(policy, names)),
  ];
}

function duplicates(policies: readonly WrittenPolicy[]): Mistake[] {
  const first = new Map<string, WrittenPolicy>();
  return policies.flatMap(policy => {
    if (policy.id === undefined) return [];
    const earlier = first.get(policy.id);
    if (earlier === undefined) {
      first.set(policy.id, policy);
      return [];
    }
    const message = `@id("${policy.id}") is taken by the policy at ${earlier.file}:${earlier.line}: choose another.`;
    return [policy.mistakeAt('@id', message)];
  });
}

/**
 * Cedar's strict validation. Its warnings count as well: a policy that can never match, or that matches always,
 * does not say what its author meant.
 */
function schemaMistakes(policies: readonly WrittenPolicy[], schema: string): Mistake[] {
  const byKey = Object.fromEntries(policies.map((policy, index) => [`p${index}`, policy.text]));
  const answer = validate({ schema, policies: { staticPolicies: byKey } });
  if (answer.type === 'failure')
    throw new TypeError(`Cedar refuses what it read before: ${JSON.stringify(answer.errors)}`);
  const mistake = (policyId: string, error: DetailedError) =>
    policies[Number(policyId.slice(1))]?.cedarMistake(error);
  const found = [...answer.validationErrors, ...answer.validationWarnings]
    .map(({ policyId, error }) => mistake(policyId, error))
    .filter(each => each !== undefined);
  // Cedar tells a mistake once for each action of a group, which it names.
  const once = found.map(each => ({ ...each, message: each.message.replace(/ for Action::"[^"]*"/, '') }));
  return [...new Map(once.map(each => [JSON.stringify(each), each])).values()];
}

function limitsWithoutConnect(policies: readonly WrittenPolicy[], schema: string): Mistake[] {
  const actions = new Actions(schema);
  return policies.flatMap(({ json, mistakeAt }) => {
    if (actionScope(json.action, actions)('connect')) return [];
    return ['idle', 'max']
      .filter(name => json.annotations?.[name] !== undefined)
      .map(name =>
        mistakeAt(`@${name}`, `@${name} limits sessions, so it belongs to a policy for Action::"connect".`),
      );
  });
}

function unknownNames({ json, mistakeAt }: WrittenPolicy, names: Names): Mistake[] {
  const { annotations } = readAnnotations(json.annotations ?? {});
  const missing = (
    used: Iterable<string>,
    known: readonly string[] | undefined,
    file: string,
    place: (name: string) => string,
  ): Mistake[] => {
    if (known === undefined) return [];
    return [...used]
      .filter(name => !known.includes(name))
      .map(name => {
        const message = `${file} has no "${name}": add it there or name another.${didYouMean(name, known)}`;
        return mistakeAt(place(name), message);
      });
  };
  return [
    ...missing(annotations.approve, names.approvals, 'approvals.yaml', () => '@approve'),
    ...missing(annotations.mask, names.maskClasses, 'masks.yaml', () => '@mask'),
    ...missing(targetsNamedBy(json), names.targets, 'targets.yaml', name => JSON.stringify(name)),
  ];
}

/** Ids of all `Target::"…"` that a policy mentions, in scope or conditions. */
function targetsNamedBy(node: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof node !== 'object' || node === null) return found;
  if ('type' in node && node.type === 'Target' && 'id' in node && typeof node.id === 'string')
    found.add(node.id);
  for (const value of Object.values(node)) targetsNamedBy(value, found);
  return found;
}
