import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FileDigest } from '#gateway/protocols/ssh/sftp/file-digest.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the digest of a file', () => {
  test('is that of its bytes in whatever order its pieces pass, from memory that is used again', () => {
    const pieces = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.array(fc.nat(199), { maxLength: 12 }))
      .chain(([bytes, cuts]) => {
        const ends = [...new Set([...cuts.filter(cut => cut > 0 && cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const parts = ends.map((end, index) => ({ from: ends[index - 1] ?? 0, end }));
        return fc.tuple(fc.constant(bytes), fc.shuffledSubarray(parts, { minLength: parts.length }));
      });
    fc.assert(
      fc.property(pieces, ([bytes, parts]) => {
        const budget = { left: 10_000 };
        const digest = new FileDigest(budget);

        for (const { from, end } of parts) {
          const lent = Buffer.from(bytes.subarray(from, end));
          digest.add(from, lent);
          lent.fill(0xee);
        }

        expect(digest.end()).toEqual({ sha256: sha256(bytes) });
        expect(digest.bytes).toBe(bytes.length);
        expect(budget.left).toBe(10_000);
      }),
      { numRuns: 500 },
    );
  });

  test('gives back what it held when there will be none', () => {
    const budget = { left: 1_000 };
    const digest = new FileDigest(budget);
    digest.add(10, Buffer.alloc(100));
    expect(budget.left).toBeLessThan(900);

    digest.add(20, Buffer.alloc(2_000));

    expect(budget.left).toBe(1_000);
    expect(digest.end()).toEqual({
      sha256: null,
      why: 'its parts passed in an order that is not followed this far',
    });
  });

  test.each<[string, readonly (readonly [offset: number, length: number])[]]>([
    [
      'a hole',
      [
        [0, 5],
        [6, 5],
      ],
    ],
    ['nothing at the start', [[1, 5]]],
    [
      'a part twice',
      [
        [0, 5],
        [0, 5],
      ],
    ],
    [
      'an early part twice',
      [
        [5, 5],
        [5, 5],
        [0, 5],
      ],
    ],
    [
      'early parts over one another',
      [
        [5, 5],
        [7, 5],
        [0, 5],
      ],
    ],
    ['a part beyond what a number can say', [[2 ** 64 - 1, 5]]],
  ])('is none with %s', (_, pieces) => {
    const digest = new FileDigest({ left: 10_000 });

    for (const [offset, length] of pieces) digest.add(offset, Buffer.alloc(length));

    expect(digest.end()).toEqual({ sha256: null, why: 'its parts did not pass once each' });
  });
});
