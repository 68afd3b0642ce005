import { describe, expect, test } from '@jest/globals';
import type { Identity } from '#gateway/pipeline/identity.ts';
import { PolicySource } from '#gateway/policy-source.ts';
import type { Lookup } from '#lib/aws/control-plane.ts';
import { SallyportError } from '#lib/errors.ts';

const dev = { issuer: 'i', subject: 'dev' } as Identity;
const dba = { issuer: 'i', subject: 'dba' } as Identity;

function source() {
  const questions: { target: string | null; answer: (lookup: Partial<Lookup>) => void; fail: () => void }[] =
    [];
  let now = 1_000;
  const policy = new PolicySource({
    control: {
      lookup: request =>
        new Promise((resolve, reject) => {
          questions.push({
            target: request.target,
            answer: lookup =>
              resolve({
                version: 'sha256:0',
                issuedAt: 0,
                maxAgeMs: 500,
                grants: [],
                locks: [],
                ...lookup,
              } as Lookup),
            fail: () => reject(new SallyportError('controlPlaneUnavailable', 'away')),
          });
        }),
    },
    onLocks: () => {},
    onFault: () => {},
    now: () => now,
  });
  return { policy, questions, advance: (ms: number) => (now += ms) };
}

describe('the policy source', () => {
  test('sessions of one principal that open at one target share a question, others do not', async () => {
    const { policy, questions } = source();

    const opened = [
      policy.access(dev, 'shop'),
      policy.access(dev, 'shop'),
      policy.access(dev, 'bank'),
      policy.access(dba, 'shop'),
    ];
    for (const question of questions) question.answer({});
    await Promise.all(opened);

    expect(questions.map(({ target }) => target)).toEqual(['shop', 'bank', 'shop']);
  });

  test('a question that was answered, or failed, is asked anew', async () => {
    const { policy, questions } = source();
    const first = policy.access(dev, 'shop');
    questions[0]!.fail();
    await expect(first).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });

    const second = policy.access(dev, 'shop');
    questions[1]!.answer({});
    await second;
    const third = policy.access(dev, 'shop');
    questions[2]!.answer({});
    await third;

    expect(questions).toHaveLength(3);
  });

  test('an answer holds from when it was asked for, and past its age nothing is permitted', async () => {
    const { policy, questions, advance } = source();
    const opened = policy.access(dev, 'shop');
    advance(300);
    questions[0]!.answer({});
    await opened;

    expect(policy.expired(1_500)).toBe(false);
    expect(policy.expired(1_501)).toBe(true);
    expect(() => policy.engine).toThrow(expect.objectContaining({ code: 'controlPlaneUnavailable' }));
  });
});
