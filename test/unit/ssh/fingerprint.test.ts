import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  fingerprintInPath,
  fingerprintOf,
  fingerprintSchema,
  keyTypeOf,
  readFingerprint,
} from '#lib/ssh/fingerprint.ts';

/** The fingerprint of this key is by `ssh-keygen -l`. */
const blob = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f', 'base64');

describe('a fingerprint', () => {
  test('is what ssh-keygen -l prints', () => {
    expect(fingerprintOf(blob)).toBe('SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA');
    expect(keyTypeOf(blob)).toBe('ssh-ed25519');
  });

  test('of any bytes is one, passes through a path, and comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        const fingerprint = fingerprintOf(bytes);
        const path = fingerprintInPath(fingerprint);

        expect(fingerprintSchema.parse(fingerprint)).toBe(fingerprint);
        expect(encodeURIComponent(path).replace('%3A', ':')).toBe(path);
        expect(readFingerprint(path)).toBe(fingerprint);
        expect(readFingerprint(`${fingerprint}=`)).toBe(fingerprint);
      }),
    );
  });

  test.each([
    '',
    'SHA256:',
    `sha256:${'A'.repeat(43)}`,
    `SHA256:${'A'.repeat(42)}`,
    `SHA256:${'A'.repeat(44)}`,
    // Bits that base64 of 32 bytes never has.
    `SHA256:${'A'.repeat(42)}B`,
    `SHA256:${'A'.repeat(43)}\n`,
    `MD5:${'0'.repeat(43)}`,
  ])('is not %p', text => {
    expect(readFingerprint(text)).toBeUndefined();
  });
});

test('bytes that are no key of a known kind have none, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), bytes => {
      expect(keyTypeOf(Buffer.from(bytes))).toBeUndefined();
    }),
  );
});
