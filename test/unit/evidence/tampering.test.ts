import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FaultKind } from '#lib/evidence/fault.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';
import { decodeRecords } from '#lib/evidence/record.ts';
import { canonical, type EndMark, encodeEndMark, encodeHead, readSegment } from '#lib/evidence/segment.ts';
import { compressFrame, decompressFrame, skippableFrame } from '#lib/evidence/zstd-frame.ts';
import { goldenId } from '../../support/make-recording.ts';
import { bytesOf, read } from '../../support/recordings.ts';

const folder = join(import.meta.dirname, '../../fixtures/recordings', goldenId);
const golden: ReadonlyMap<string, Buffer> = new Map(
  readdirSync(folder).map(name => [name, readFileSync(join(folder, name))]),
);
const long = process.env['SALLYPORT_LONG'] === '1';
const [first, second, manifest] = ['000000.seg', '000001.seg', 'session.json'] as const;

/** The golden session with some files replaced (`undefined`: taken away). */
function given(changes: Readonly<Record<string, Buffer | undefined>> = {}, id = goldenId): SessionSource {
  const files = new Map(golden);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes === undefined) files.delete(name);
    else files.set(name, bytes);
  }
  return { id, list: async () => [...files.keys()], read: async name => files.get(name)! };
}

const kinds = async (source: SessionSource): Promise<FaultKind[]> =>
  (await read(source)).faults.map(({ kind }) => kind);

/** A segment made again, with right digests, from altered records or marks: the work of somebody who knows the format. */
function forge(
  name: string,
  change: { records?: (body: Buffer) => Buffer; end?: Partial<EndMark>; head?: object } = {},
): Buffer {
  const segment = readSegment(golden.get(name)!);
  const body = Buffer.concat(
    segment.frames.map(({ frame, contentBytes }) => decompressFrame(frame, contentBytes)),
  );
  const start = Buffer.concat([
    encodeHead({ ...segment.head, ...change.head }),
    compressFrame(change.records?.(body) ?? body),
  ]);
  const sha256 = createHash('sha256').update(start).digest('hex');
  return Buffer.concat([start, encodeEndMark({ ...segment.end, ...change.end, sha256 })]);
}

/** A segment whose end mark says the same in one byte more. */
function loose(name: string): Buffer {
  const bytes = golden.get(name)!;
  const end = canonical(readSegment(bytes).end);
  return Buffer.concat([
    bytes.subarray(0, bytes.length - end.length - 8),
    skippableFrame(1, Buffer.concat([end, Buffer.from(' ')])),
  ]);
}

/** Offsets of the records in a body. */
function offsets(body: Buffer): number[] {
  return [...decodeRecords(body)].map(({ payload }) => payload.byteOffset - body.byteOffset - 24);
}

describe('the golden recording', () => {
  test('reads today as it did when it was made', async () => {
    const reading = await read(given());

    expect(reading.faults).toEqual([]);
    expect(reading.records.map(({ type }) => type)).toEqual([
      'open',
      'decision',
      'serverBytes',
      'clientBytes',
      'command',
      'serverBytes',
      'serverBytes',
      'serverBytes',
      'serverBytes',
      'decision',
      'error',
      'clientBytes',
      'serverBytes',
      'serverBytes',
      'notice',
      'serverBytes',
      'end',
    ]);
    expect(bytesOf(reading, 'clientBytes').toString('latin1')).toBe(
      'Q\0\0\0\x14SELECT 1 AS one\0Q\0\0\0\x17DELETE FROM orders\0',
    );
    expect(reading.summary).toMatchObject({ final: true, segments: 2, totals: { commands: 1, refused: 1 } });
  });
});

describe('a changed recording', () => {
  test('is found, whichever bit of whichever file is flipped', async () => {
    const unnoticed: string[] = [];
    for (const [name, bytes] of golden) {
      // In the long form every bit; else one of each byte, a different one from byte to byte.
      for (let bit = 0; bit < bytes.length * 8; bit += long ? 1 : (bit & 7) === 7 ? 1 : 9) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        const faults = await kinds(given({ [name]: changed }));
        if (faults.length === 0) unnoticed.push(`${name} bit ${bit}`);
      }
    }
    expect(unnoticed).toEqual([]);
  }, 120_000);

  test('is found, wherever a file is cut', async () => {
    for (const [name, bytes] of golden) {
      for (let length = 0; length < bytes.length; length += long ? 1 : 7) {
        expect(await kinds(given({ [name]: bytes.subarray(0, length) }))).not.toEqual([]);
      }
    }
  }, 120_000);

  test('is found, whatever bytes stand in the place of some', async () => {
    const anywhere = fc.constantFrom(...golden.keys()).chain(name =>
      fc.record({
        name: fc.constant(name),
        at: fc.nat(golden.get(name)!.length),
        removed: fc.nat(40),
        put: fc.uint8Array({ maxLength: 40 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(anywhere, async ({ name, at, removed, put }) => {
        const bytes = golden.get(name)!;
        const changed = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
        fc.pre(!changed.equals(bytes));

        expect(await kinds(given({ [name]: changed }))).not.toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  const endTotals = readSegment(golden.get(second)!).end.totals;
  const faults: [string, Parameters<typeof given>, FaultKind][] = [
    ['a segment taken away', [{ [first]: undefined }], 'segmentMissing'],
    ['the last segment taken away', [{ [second]: undefined }], 'segmentMissing'],
    ['the manifest taken away', [{ [manifest]: undefined }], 'manifestMissing'],
    ['all segments taken away', [{ [first]: undefined, [second]: undefined }], 'segmentMissing'],
    [
      'segments in each other’s place',
      [{ [first]: golden.get(second), [second]: golden.get(first) }],
      'chainBroken',
    ],
    ['one segment twice', [{ [second]: golden.get(first) }], 'chainBroken'],
    ['a session under another id', [{}, '00000000-0000-4000-8000-000000000000'], 'chainBroken'],
    ['a file that does not belong there', [{ 'notes.txt': Buffer.from('x') }], 'strayFile'],
    ['a segment after the final one', [{ '000002.seg': golden.get(second) }], 'chainBroken'],
    [
      'bytes after the end mark',
      [{ [second]: Buffer.concat([golden.get(second)!, Buffer.from('x')]) }],
      'trailingBytes',
    ],
    ['a file of another kind', [{ [first]: compressFrame(Buffer.from('not a segment')) }], 'unknownFormat'],
    [
      'a frame of another version',
      [
        {
          [first]: Buffer.concat([
            encodeHead(readSegment(golden.get(first)!).head),
            skippableFrame(9, Buffer.alloc(3)),
          ]),
        },
      ],
      'unknownFormat',
    ],
    ['the end mark cut off', [{ [second]: golden.get(second)!.subarray(0, -200) }], 'truncated'],
    [
      'a record taken out and the digests made right',
      [{ [second]: forge(second, { records: body => body.subarray(offsets(body)[1]!) }) }],
      'sequenceGap',
    ],
    [
      'two records in each other’s place and the digests made right',
      [
        {
          [second]: forge(second, {
            records: body => {
              const [a = 0, b = 0, c = 0] = offsets(body);
              return Buffer.concat([body.subarray(b, c), body.subarray(a, b), body.subarray(c)]);
            },
          }),
        },
      ],
      'sequenceGap',
    ],
    [
      'a time set back and the digests made right',
      [
        {
          [second]: forge(second, {
            records: body => {
              const changed = Buffer.from(body);
              changed.writeUInt32BE(0, offsets(body)[1]! + 20);
              return changed;
            },
          }),
        },
      ],
      'timeBackwards',
    ],
    [
      'a payload changed and the digests made right',
      [
        {
          [second]: forge(second, {
            records: body => {
              const changed = Buffer.from(body);
              changed[offsets(body)[1]! + 30]! ^= 1;
              return changed;
            },
          }),
        },
      ],
      'manifestMismatch',
    ],
    [
      'a head that follows from nothing',
      [{ [second]: forge(second, { head: { previous: '0'.repeat(64) } }) }],
      'chainBroken',
    ],
    ['a segment of another task', [{ [second]: forge(second, { head: { task: 'other' } }) }], 'chainBroken'],
    [
      'counts that are not those of the records',
      [{ [second]: forge(second, { end: { records: 3 } }) }],
      'countMismatch',
    ],
    [
      'totals that are not those of the records',
      [{ [second]: forge(second, { end: { totals: { ...endTotals, refused: 0 } } }) }],
      'countMismatch',
    ],
    [
      'a final segment that says it is not',
      [{ [second]: forge(second, { end: { final: false } }) }],
      'malformed',
    ],
    [
      'an ended session that is called lost',
      [{ [second]: forge(second, { end: { lost: { reason: 'x' } } }) }],
      'malformed',
    ],
    ['an end mark that is not canonical JSON', [{ [second]: loose(second) }], 'malformed'],
    [
      'another session’s manifest',
      [{ [manifest]: Buffer.from(golden.get(manifest)!.toString().replace('dev@', 'dba@')) }],
      'manifestMismatch',
    ],
  ];
  test.each(faults)('with %s is named so, with its place', async (_, [changes, id], kind) => {
    const { faults: found } = await read(given(changes, id));

    expect(found.map(fault => fault.kind)).toContain(kind);
    expect(found.find(fault => fault.kind === kind)?.place.session).toBe(id ?? goldenId);
  });

  test('is read on behind what is damaged', async () => {
    const damaged = Buffer.from(golden.get(first)!);
    damaged[400]! ^= 1;

    const reading = await read(given({ [first]: damaged }));

    expect(reading.faults.map(({ kind, place }) => [kind, place.file])).toEqual([['digestMismatch', first]]);
    expect(reading.records.at(0)?.type).toBe('decision');
    expect(reading.records.at(-1)?.type).toBe('end');
  });

  test('that is read while its session runs has no fault, and is not final', async () => {
    const { faults: found, summary } = await read(
      given({ [second]: undefined, [manifest]: undefined, '000001.seg.part': Buffer.from('being written') }),
    );

    expect(found).toEqual([]);
    expect(summary.final).toBe(false);
  });
});
