import type { PolicyJson } from '#lib/policy/cedar.ts';
import { attributeOfContext, isContext } from '#lib/policy/context-use.ts';

/** A question that a policy asks of `context.object`, and nothing else. */
export type ObjectTest = (object: string) => boolean;

/**
 * All that a policy asks of `context.object`, by what it says: `like` with a pattern, equality with a text, membership
 * in a set of texts. Objects that answer all of them alike are one to the policy.
 *
 * @returns undefined where the policy looks at the object in another way, or at the context as a whole
 */
export function objectTests(policy: PolicyJson): ReadonlyMap<string, ObjectTest> | undefined {
  const tests = new Map<string, ObjectTest>();
  return walk(policy.conditions, tests) ? tests : undefined;
}

function walk(node: unknown, tests: Map<string, ObjectTest>): boolean {
  if (Array.isArray(node)) return node.every(item => walk(item, tests));
  if (!isRecord(node)) return true;
  const test = testOf(node);
  if (test !== undefined) {
    tests.set(JSON.stringify(node), test);
    return true;
  }
  const attribute = attributeOfContext(node);
  // That it is there says nothing of what it is: it always is.
  if (attribute !== undefined) return attribute !== 'object' || 'has' in node;
  return !isContext(node) && Object.values(node).every(value => walk(value, tests));
}

function testOf(node: Record<string, unknown>): ObjectTest | undefined {
  const like = node['like'];
  if (isRecord(like) && isObject(like['left'])) return likeTest(like['pattern']);
  const equation = node['=='] ?? node['!='];
  if (isRecord(equation)) {
    const { left, right } = equation;
    const text = isObject(left) ? textOf(right) : isObject(right) ? textOf(left) : undefined;
    return text === undefined ? undefined : object => object === text;
  }
  const membership = node['contains'];
  if (isRecord(membership) && isObject(membership['right'])) return memberTest(membership['left']);
  return undefined;
}

function memberTest(set: unknown): ObjectTest | undefined {
  const members = isRecord(set) && Array.isArray(set['Set']) ? set['Set'].map(textOf) : [undefined];
  if (members.includes(undefined)) return undefined;
  const texts = new Set(members);
  return object => texts.has(object);
}

/** https://docs.cedarpolicy.com/policies/syntax-operators.html#like-string-matching-with-wildcard */
function likeTest(pattern: unknown): ObjectTest | undefined {
  if (!Array.isArray(pattern)) return undefined;
  /** What stands between the wildcards. */
  const pieces = [''];
  for (const element of pattern) {
    const literal = isRecord(element) ? element['Literal'] : undefined;
    if (element === 'Wildcard') pieces.push('');
    else if (typeof literal === 'string') pieces[pieces.length - 1] += literal;
    else return undefined;
  }
  const [first = '', ...middle] = pieces;
  const last = middle.pop();
  if (last === undefined) return object => object === first;
  return object => {
    if (!object.startsWith(first)) return false;
    let at = first.length;
    for (const piece of middle) {
      const found = object.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return object.length - last.length >= at && object.endsWith(last);
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isObject = (node: unknown): boolean =>
  isRecord(node) && '.' in node && attributeOfContext(node) === 'object';

function textOf(node: unknown): string | undefined {
  const value = isRecord(node) ? node['Value'] : undefined;
  return typeof value === 'string' ? value : undefined;
}
