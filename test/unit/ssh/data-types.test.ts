import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the data types of RFC 4251 section 5', () => {
  test.each([
    ['0', '00', '00000000'],
    ['9a378f9b2e332a7', '09a378f9b2e332a7', '00000008 09a378f9b2e332a7'],
    ['80', '80', '00000002 0080'],
  ])('the mpint %s is written as the RFC has it', (_name, magnitude, expected) => {
    const written = new SshWriter().mpint(hex(magnitude)).done();

    expect(written).toEqual(hex(expected));
    expect(new SshReader(written).mpint()).toEqual(hex(magnitude === '00' ? '' : magnitude));
  });

  test('the name lists of the RFC', () => {
    const written = new SshWriter().nameList([]).nameList(['zlib']).nameList(['zlib', 'none']).done();

    expect(written).toEqual(hex('00000000 00000004 7a6c6962 00000009 7a6c69622c6e6f6e65'));
    const reader = new SshReader(written);
    expect([reader.nameList(), reader.nameList(), reader.nameList()]).toEqual([
      [],
      ['zlib'],
      ['zlib', 'none'],
    ]);
    reader.end();
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.boolean(),
        fc.nat(0xffff_ffff),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ maxLength: 500 }),
        fc.string({ unit: 'grapheme' }),
        (u8, bool, u32, u64, bytes, text) => {
          const written = new SshWriter(1)
            .u8(u8)
            .bool(bool)
            .u32(u32)
            .u64(u64)
            .string(bytes)
            .string(text)
            .done();

          const reader = new SshReader(written);
          expect([reader.u8(), reader.bool(), reader.u32(), reader.u64()]).toEqual([u8, bool, u32, u64]);
          expect(reader.string()).toEqual(Buffer.from(bytes));
          expect(reader.text()).toBe(text);
          reader.end();
        },
      ),
    );
  });

  test('a message cut short anywhere is a fault and nothing else', () => {
    const whole = new SshWriter().u8(1).u32(2).u64(3n).string('four').mpint(hex('80')).done();

    for (let length = 0; length < whole.length; length += 1) {
      const reader = new SshReader(whole.subarray(0, length));
      expect(() => {
        reader.u8();
        reader.u32();
        reader.u64();
        reader.string();
        reader.mpint();
      }).toThrow(SshDataFault);
    }
  });

  test.each([
    ['a length beyond the message', 'ffffffff 00', (reader: SshReader) => reader.string()],
    ['a text that is not UTF-8', '00000002 c328', (reader: SshReader) => reader.text()],
    ['a name with an escape', '00000002 1b5b', (reader: SshReader) => reader.name()],
    ['a negative number', '00000001 80', (reader: SshReader) => reader.mpint()],
    ['a byte too many', '00', (reader: SshReader) => reader.end()],
  ])('%s is a fault', (_name, bytes, read) => {
    expect(() => read(new SshReader(hex(bytes)))).toThrow(SshDataFault);
  });
});
