import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import {
  compressFrame,
  decompressFrame,
  maxFrameContentBytes,
  maxStoredFrameBytes,
  readFrame,
  skippableFrame,
  storedFrameHeaderBytes,
  writeStoredFrameHeader,
} from '#lib/evidence/zstd-frame.ts';

const content = fc
  .tuple(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 120 }))
  .map(([bytes, times]) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(bytes))));

function kindOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (cause) {
    if (cause instanceof EvidenceFault) return cause.kind;
    throw cause;
  }
}

describe('a zstd frame', () => {
  test('among others is found by its own lengths, and holds what was put in', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 5 }), contents => {
        const parts = contents.map(bytes => compressFrame(bytes.subarray(0, maxFrameContentBytes)));
        const file = Buffer.concat([skippableFrame(0, Buffer.from('head')), ...parts]);

        const first = readFrame(file, 0);
        let offset = first.next;
        for (const [index, part] of parts.entries()) {
          const frame = readFrame(file, offset);
          if (frame.kind !== 'zstd') throw new Error('a zstd frame begins here');
          expect(frame.frame.equals(part)).toBe(true);
          expect(
            decompressFrame(frame.frame, frame.contentBytes).equals(
              contents[index]!.subarray(0, maxFrameContentBytes),
            ),
          ).toBe(true);
          offset = frame.next;
        }

        expect(first).toMatchObject({ kind: 'skippable', number: 0, content: Buffer.from('head') });
        expect(offset).toBe(file.length);
      }),
      { numRuns: 40 },
    );
  });

  test.each([0, 1, 255, 256, 65_536, maxStoredFrameBytes])(
    'of %i bytes stored as they are reads like any other',
    bytes => {
      const content = randomBytes(bytes);
      const stored = Buffer.concat([Buffer.alloc(storedFrameHeaderBytes, 0xff), content]);

      writeStoredFrameHeader(stored);

      const frame = readFrame(Buffer.concat([stored, Buffer.from('what follows')]), 0);
      if (frame.kind !== 'zstd') throw new Error('a zstd frame begins here');
      expect(frame.next).toBe(stored.length);
      expect(decompressFrame(frame.frame, frame.contentBytes).equals(content)).toBe(true);
    },
  );

  test('cut short anywhere is truncated', () => {
    const frame = compressFrame(Buffer.from('some text, some text, some text'));

    for (let length = 0; length < frame.length; length++) {
      expect(kindOf(() => readFrame(frame.subarray(0, length), 0))).toBe('truncated');
    }
  });

  test('that states more than the limit is refused before it is decompressed', () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));

    expect(bomb.length).toBeLessThan(8 * 1024);
    expect(kindOf(() => readFrame(bomb, 0))).toBe('oversized');
  });

  test('that holds more than it states is refused', () => {
    const frame = compressFrame(Buffer.alloc(1000));

    expect(kindOf(() => decompressFrame(frame, 10))).toBe('malformed');
  });

  test('that does not state its size is refused', () => {
    const frame = zstdCompressSync(Buffer.alloc(5000), {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0 },
    });

    expect(kindOf(() => readFrame(frame, 0))).toBe('malformed');
  });

  test('of hostile bytes is a fault of evidence and nothing else', () => {
    const hostile = fc
      .uint8Array({ maxLength: 200 })
      .map(bytes => Buffer.concat([Buffer.from('28b52ffd', 'hex'), bytes]));
    fc.assert(
      fc.property(hostile, bytes => {
        kindOf(() => {
          const frame = readFrame(bytes, 0);
          if (frame.kind === 'zstd') decompressFrame(frame.frame, frame.contentBytes);
        });
      }),
      { numRuns: 500 },
    );
  });
});
