import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { fingerprintOf } from '#lib/ssh/fingerprint.ts';
import { publicKeyLine, readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import { signatureAlgorithms } from '#lib/ssh/key-types.ts';
import { generateEcdsa256, generateEd25519 } from '#lib/ssh/private-key.ts';
import { publicKeyFrom, readPublicKey, type SshPublicKey } from '#lib/ssh/public-key.ts';
import { ecdsaSignatureFromDer, signatureBlob } from '#lib/ssh/signature.ts';
import { certificate, keys, refused } from './fixtures.ts';

const data = Buffer.from('what is signed');
const blobOf = (line: string) => Buffer.from(line.split(' ')[1]!, 'base64');

describe('public keys', () => {
  test.each(Object.entries(keys))('%s has the fingerprint that ssh-keygen prints', (_name, expected) => {
    const { key, comment } = readAuthorizedKeyLine(expected.line);

    expect(key.fingerprint).toBe(expected.fingerprint);
    expect(fingerprintOf(key.blob)).toBe(expected.fingerprint);
    expect(publicKeyLine(key, comment)).toBe(expected.line);
  });

  test.each([
    ['DSA', Buffer.from(refused.dsa, 'base64')],
    ['RSA of 1024 bits', Buffer.from(refused.rsa1024, 'base64')],
    ['a certificate', Buffer.from(certificate, 'base64')],
    ['nothing', Buffer.alloc(0)],
    ['an Ed25519 key of 31 bytes', edBlob(Buffer.alloc(31))],
    ['RSA with exponent 1', rsaBlob(Buffer.of(1), Buffer.alloc(256, 0xff))],
    ['RSA with an even exponent', rsaBlob(Buffer.of(1, 0, 0), Buffer.alloc(256, 0xff))],
    ['RSA with an even modulus', rsaBlob(Buffer.of(3), Buffer.alloc(256, 0xfe))],
    ['RSA with an exponent of 8 bytes', rsaBlob(Buffer.alloc(8, 0xff), Buffer.alloc(256, 0xff))],
    ['RSA of 16392 bits', rsaBlob(Buffer.of(3), Buffer.alloc(2049, 0xff))],
    ['a key of 5000 bytes', edBlob(Buffer.alloc(5000))],
    ['a point that is not on the curve', pointBlob(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]))],
    ['a compressed point', pointBlob(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)]))],
    ['bytes after the key', Buffer.concat([blobOf(keys.ed.line), Buffer.of(0)])],
    ['another curve than the type says', anotherCurve()],
  ])('%s is not taken', (_name, blob) => {
    expect(() => readPublicKey(blob)).toThrow(SshDataFault);
  });

  test('a number with a zero too many is not another key', () => {
    const { reader } = reading(keys.rsa.line);
    const e = reader.string();
    const n = reader.string();
    const longer = new SshWriter()
      .string('ssh-rsa')
      .string(e)
      .string(Buffer.concat([Buffer.of(0), n]));

    expect(() => readPublicKey(longer.done())).toThrow(SshDataFault);
  });

  test('whatever the bytes, a key or a fault', () => {
    const seeds = Object.values(keys).map(({ line }) => blobOf(line));
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.nat(),
        fc.uint8Array({ maxLength: 20 }),
        (seed, at, bytes) => {
          const changed = Buffer.from(seed);
          changed.set(bytes.subarray(0, changed.length), at % (changed.length - 20));

          try {
            const key = readPublicKey(changed);
            expect(key.blob).toEqual(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(SshDataFault);
          }
        },
      ),
    );
  });

  test('a key of node:crypto, and its SPKI as KMS gives it', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' });

    expect(publicKeyFrom(spki).blob).toEqual(publicKeyFrom(pair.publicKey).blob);
    expect(publicKeyFrom(spki).type).toBe('ecdsa-sha2-nistp256');
    expect(() => publicKeyFrom(Buffer.from('no key'))).toThrow(SshDataFault);
    expect(() => publicKeyFrom(generateKeyPairSync('x25519').publicKey)).toThrow(SshDataFault);
    expect(() => publicKeyFrom(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)).toThrow(
      SshDataFault,
    );
  });
});

describe('lines of authorized_keys', () => {
  test.each([
    ['options before the key', `from="192.0.2.1" ${keys.ed.line}`],
    ['no blob', 'ssh-ed25519'],
    ['nothing', ''],
    ['base64 that is not its own encoding', keys.ed.line.replace(' AAAA', ' AAAB=')],
    ['a type that is not the blob’s', keys.ed.line.replace('ssh-ed25519 ', 'ssh-rsa ')],
    ['a line that is too long', `${keys.ed.line}${' long'.repeat(3000)}`],
    ['two lines', `${keys.ed.line}\n${keys.ed.line}`],
  ])('%s is a fault', (_name, line) => {
    expect(() => readAuthorizedKeyLine(line)).toThrow(SshDataFault);
  });

  test('a comment keeps to its line', () => {
    const { key } = readAuthorizedKeyLine(keys.ed.line);

    expect(() => publicKeyLine(key, 'one\nssh-ed25519 two')).toThrow(TypeError);
    expect(publicKeyLine(key).split(' ')).toHaveLength(2);
  });
});

describe('signatures', () => {
  const ecdsa = generateEcdsa256().signer;
  const ed25519 = generateEd25519().signer;

  test.each([
    ['Ed25519', ed25519],
    ['ECDSA', ecdsa],
  ])('of %s hold for their data, and no changed byte does', (_name, signer) => {
    const signature = signer.sign(data);

    expect(signer.publicKey.verify(data, signature)).toBe(true);
    expect(signer.publicKey.verify(Buffer.from('what is signet'), signature)).toBe(false);
    everyChange(signature, changed => expect(signer.publicKey.verify(data, changed)).toBe(false));
    for (let length = 0; length < signature.length; length += 1) {
      expect(signer.publicKey.verify(data, signature.subarray(0, length))).toBe(false);
    }
  });

  test('hold by an algorithm that is allowed only', () => {
    const signature = ed25519.sign(data);

    expect(ed25519.publicKey.verify(data, signature, ['ssh-ed25519'])).toBe(true);
    expect(ed25519.publicKey.verify(data, signature, ['rsa-sha2-256'])).toBe(false);
    expect(ed25519.publicKey.verify(data, signature, [])).toBe(false);
    expect(() => ed25519.sign(data, 'rsa-sha2-256')).toThrow(TypeError);
  });

  test('by RSA are over SHA-2, never over SHA-1', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = publicKeyFrom(publicKey);
    const by = (name: string, hash: string) => signatureBlob(name, sign(hash, data, privateKey));

    expect(key.verify(data, by('rsa-sha2-256', 'sha256'))).toBe(true);
    expect(key.verify(data, by('rsa-sha2-512', 'sha512'))).toBe(true);
    expect(key.verify(data, by('rsa-sha2-256', 'sha256'), ['rsa-sha2-512'])).toBe(false);
    expect(key.verify(data, by('rsa-sha2-512', 'sha256'))).toBe(false);
    expect(key.verify(data, by('ssh-rsa', 'sha1'))).toBe(false);
    expect(key.verify(data, by('ssh-rsa', 'sha1'), ['ssh-rsa'])).toBe(false);
    expect(signatureAlgorithms).not.toContain('ssh-rsa');
  });

  test('in DER become those of SSH', () => {
    for (let round = 0; round < 50; round += 1) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const der = sign('sha256', data, privateKey);

      const signature = ecdsaSignatureFromDer('ecdsa-sha2-nistp256', der);

      expect(publicKeyFrom(publicKey).verify(data, signature)).toBe(true);
    }
    const large = generateKeyPairSync('ec', { namedCurve: 'P-521' });
    const der = sign('sha512', data, large.privateKey);
    const signature = ecdsaSignatureFromDer('ecdsa-sha2-nistp521', der);
    expect(publicKeyFrom(large.publicKey).verify(data, signature)).toBe(true);
    for (let length = 0; length < der.length; length += 1) {
      expect(() => ecdsaSignatureFromDer('x', der.subarray(0, length))).toThrow(SshDataFault);
    }
    expect(() => ecdsaSignatureFromDer('x', Buffer.concat([der, der]))).toThrow(SshDataFault);
  });
});

describe('keys on a FIDO token', () => {
  const application = 'ssh:';
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

  /** What a token does: PROTOCOL.u2f. */
  function token(kind: 'ed25519' | 'ecdsa'): {
    key: SshPublicKey;
    sign(flags: number, data: Buffer): Buffer;
  } {
    const type = kind === 'ed25519' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com';
    const { privateKey, publicKey } =
      kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const plain = new SshReader(publicKeyFrom(publicKey).blob);
    plain.string();
    const blob = new SshWriter().string(type).raw(plain.rest()).string(application).done();
    return {
      key: readPublicKey(blob),
      sign(flags, message) {
        const signed = new SshWriter()
          .raw(digest(Buffer.from(application)))
          .u8(flags)
          .u32(9)
          .raw(digest(message))
          .done();
        const inner =
          kind === 'ed25519'
            ? sign(null, signed, privateKey)
            : new SshReader(
                ecdsaSignatureFromDer('x', sign('sha256', signed, privateKey)).subarray(5),
              ).string();
        return new SshWriter().string(type).string(inner).u8(flags).u32(9).done();
      },
    };
  }

  test.each(['ed25519', 'ecdsa'] as const)('of %s sign when somebody touches the token', kind => {
    const { key, sign: signed } = token(kind);

    expect(key.verify(data, signed(0x01, data))).toBe(true);
    expect(key.verify(data, signed(0x05, data))).toBe(true);
    expect(key.verify(data, signed(0x00, data))).toBe(false);
    expect(key.verify(data, signed(0x04, data))).toBe(false);
    everyChange(signed(0x01, data), changed => expect(key.verify(data, changed)).toBe(false));
  });

  test('are other keys for another application', () => {
    const { key } = token('ed25519');
    const other = new SshWriter().raw(key.blob.subarray(0, -8)).string('ssh:other').done();

    expect(readPublicKey(other).fingerprint).not.toBe(key.fingerprint);
  });
});

function everyChange(bytes: Buffer, check: (changed: Buffer) => void): void {
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << (at % 8);
    check(changed);
  }
}

function reading(line: string): { reader: SshReader } {
  const reader = new SshReader(blobOf(line));
  reader.string();
  return { reader };
}

function edBlob(point: Buffer): Buffer {
  return new SshWriter().string('ssh-ed25519').string(point).done();
}

function rsaBlob(e: Buffer, n: Buffer): Buffer {
  return new SshWriter().string('ssh-rsa').mpint(e).mpint(n).done();
}

function pointBlob(point: Buffer): Buffer {
  return new SshWriter().string('ecdsa-sha2-nistp256').string('nistp256').string(point).done();
}

function anotherCurve(): Buffer {
  const { reader } = reading(keys.e384.line);
  return new SshWriter().string('ecdsa-sha2-nistp256').raw(reader.rest()).done();
}
