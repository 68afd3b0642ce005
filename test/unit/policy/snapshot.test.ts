import { describe, expect, test } from '@jest/globals';
import { parseSnapshot, SnapshotError, sealSnapshot } from '#lib/policy/snapshot.ts';
import { snapshotOf } from './fixtures.ts';

const snapshot = snapshotOf('@id("all") permit(principal, action, resource);');
const wire = () => JSON.parse(JSON.stringify(snapshot));

describe('a snapshot from the wire', () => {
  test('is taken in when its content has the version that it names, in whatever order', () => {
    const turned = Object.fromEntries(Object.entries(wire()).reverse());

    expect(parseSnapshot(turned)).toEqual(snapshot);
  });

  test.each<[string, (value: ReturnType<typeof wire>) => unknown]>([
    [
      'another policy',
      value => ({
        ...value,
        policies: [{ ...value.policies[0], text: 'forbid(principal, action, resource);' }],
      }),
    ],
    ['a policy less', value => ({ ...value, policies: [] })],
    ['another schema', value => ({ ...value, schema: `${value.schema} ` })],
    ['another version', value => ({ ...value, version: `sha256:${'0'.repeat(64)}` })],
    ['another kind of version', value => ({ ...value, version: value.version.replace('sha256', 'md5') })],
    ['something beside', value => ({ ...value, extra: 1 })],
    ['something missing', ({ masks: _, ...value }) => value],
    ['nothing', () => null],
    ['a text', value => JSON.stringify(value)],
  ])('with %s is refused', (_, change) => {
    expect(() => parseSnapshot(change(wire()))).toThrow(SnapshotError);
  });
});

test('a snapshot that is too large is not made', () => {
  const { version: _, ...content } = snapshot;
  const policies = Array.from({ length: 20 }, (__, i) => ({
    id: `p${i}`,
    file: 'x',
    line: 1,
    text: 'x'.repeat(60_000),
  }));

  expect(() => sealSnapshot({ ...content, policies })).toThrow(SnapshotError);
});

test('the version is the SHA-256 of the canonical JSON, so that others can compute it', () => {
  const empty = sealSnapshot({
    schema: ' ',
    policies: [],
    targets: {},
    approvals: {},
    masks: { classes: {}, assignments: [] },
  });

  // printf '%s' '{"approvals":{},"masks":{"assignments":[],"classes":{}},"policies":[],"schema":" ","targets":{}}' | sha256sum
  expect(empty.version).toBe('sha256:05787005ad987df9409beb086c89167edcd921a17bb3c63f52c5d990d219b1fb');
});
