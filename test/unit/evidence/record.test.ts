import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import {
  decodeRecords,
  type EvidenceRecord,
  maxPayloadBytes,
  type RecordName,
  recordHeaderBytes,
  recordTypes,
  writeRecordHeader,
} from '#lib/evidence/record.ts';

type Made = Omit<EvidenceRecord, 'continued' | 'refused' | 'supplement'> & { readonly flags: number };

const made = fc.record({
  type: fc.constantFrom(...(Object.keys(recordTypes) as RecordName[])),
  flags: fc.integer({ min: 0, max: 7 }),
  channel: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.maxSafeNat(),
  elapsedNs: fc.maxSafeNat(),
  payload: fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
});

function encode(records: readonly Made[]): Buffer {
  const parts = records.map(({ type, flags, channel, sequence, elapsedNs, payload }) => {
    const header = Buffer.alloc(recordHeaderBytes);
    writeRecordHeader(header, 0, recordTypes[type], flags, channel, payload.length, sequence, elapsedNs);
    return Buffer.concat([header, payload]);
  });
  return Buffer.concat(parts);
}

function faultOf(bytes: Buffer): string | undefined {
  try {
    for (const _ of decodeRecords(bytes));
    return undefined;
  } catch (cause) {
    if (cause instanceof EvidenceFault) return cause.kind;
    throw cause;
  }
}

describe('a record', () => {
  test('is read as it was written, whatever its fields', () => {
    fc.assert(
      fc.property(fc.array(made), records => {
        const read = [...decodeRecords(encode(records))];

        expect(read).toEqual(
          records.map(({ flags, ...record }) => ({
            ...record,
            continued: (flags & 1) !== 0,
            refused: (flags & 2) !== 0,
            supplement: (flags & 4) !== 0,
          })),
        );
      }),
    );
  });

  test('has the layout that the format document gives', () => {
    const bytes = encode([
      {
        type: 'command',
        flags: 4,
        channel: 258,
        sequence: 2 ** 40 + 1,
        elapsedNs: 2 ** 33,
        payload: Buffer.from('{}'),
      },
    ]);

    expect(bytes.toString('hex')).toBe(
      '04' + '04' + '0102' + '00000002' + '0000010000000001' + '0000000200000000' + '7b7d',
    );
  });

  test('that is cut short at any byte is found', () => {
    const bytes = encode([
      { type: 'open', flags: 0, channel: 0, sequence: 0, elapsedNs: 0, payload: Buffer.from('{"a":1}') },
    ]);

    const faults = Array.from({ length: bytes.length - 1 }, (_, cut) => faultOf(bytes.subarray(0, cut + 1)));

    expect(new Set(faults)).toEqual(new Set(['truncated']));
  });

  test.each([
    ['an unknown type', 0, 0x7f, 'malformed'],
    ['a flag of another version', 1, 0x80, 'malformed'],
    ['a payload past the limit', 5, 0x02, 'oversized'],
    ['a sequence past 2^53', 8, 0x7f, 'malformed'],
    ['a time past 2^53', 16, 0x7f, 'malformed'],
  ])('with %s is refused', (_, at, value, kind) => {
    const bytes = encode([
      { type: 'notice', flags: 0, channel: 0, sequence: 0, elapsedNs: 0, payload: Buffer.alloc(10) },
    ]);
    bytes[at] = value;

    expect(faultOf(bytes)).toBe(kind);
  });

  test('claims no memory: a payload of the largest length is a view of what is there', () => {
    const payload = Buffer.alloc(maxPayloadBytes, 7);
    const bytes = encode([{ type: 'serverBytes', flags: 0, channel: 0, sequence: 0, elapsedNs: 0, payload }]);

    const [record] = decodeRecords(bytes);

    expect(record?.payload.buffer).toBe(bytes.buffer);
  });

  test('of hostile bytes is a fault of evidence and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        faultOf(Buffer.from(bytes));
      }),
    );
  });
});
