import type { PolicyJson } from '#lib/policy/cedar.ts';

/** Which attributes of the context a policy can look at. `'all'` when it handles the context as a whole. */
export type ContextUse = ReadonlySet<string> | 'all';

/**
 * Found from the policy as data: every mention of the context counts unless it is plainly `context.name` or
 * `context has name`. Whatever else may be built from it is taken to look at everything.
 */
export function contextUse(policy: PolicyJson): ContextUse {
  const used = new Set<string>();
  return walk(policy.conditions, used) ? used : 'all';
}

export function uses(use: ContextUse, attribute: string): boolean {
  return use === 'all' || use.has(attribute);
}

/** False when the context is used in a way that does not say what of it. */
function walk(node: unknown, used: Set<string>): boolean {
  if (Array.isArray(node)) return node.every(item => walk(item, used));
  if (typeof node !== 'object' || node === null) return true;
  const access = attributeOfContext(node);
  if (access !== undefined) {
    used.add(access);
    return true;
  }
  if (isContext(node)) return false;
  return Object.values(node).every(value => walk(value, used));
}

/** Of `context.name` and `context has name`, the name. */
export function attributeOfContext(node: object): string | undefined {
  const access: unknown = '.' in node ? node['.'] : 'has' in node ? node.has : undefined;
  if (typeof access !== 'object' || access === null) return undefined;
  if (!('left' in access && isContext(access.left) && 'attr' in access)) return undefined;
  // `context has grant.reason` has the path as a list.
  const attribute: unknown = Array.isArray(access.attr) ? access.attr[0] : access.attr;
  return typeof attribute === 'string' ? attribute : undefined;
}

export function isContext(node: unknown): boolean {
  return typeof node === 'object' && node !== null && 'Var' in node && node.Var === 'context';
}
