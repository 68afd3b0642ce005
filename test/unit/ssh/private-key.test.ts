import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { writeOpenSshKey } from '#lib/ssh/openssh-key.ts';
import { generateEcdsa256, generateEd25519, readPrivateKey } from '#lib/ssh/private-key.ts';
import { publicKeyFrom } from '#lib/ssh/public-key.ts';

const data = Buffer.from('what is signed');
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
  key.export({ format: 'pem', type }).toString();

describe('private keys', () => {
  test.each([
    ['Ed25519 in PKCS #8', pem(ed25519, 'pkcs8'), ed25519],
    ['Ed25519 in OpenSSH’s form', writeOpenSshKey(ed25519), ed25519],
    ['P-256 in PKCS #8', pem(p256, 'pkcs8'), p256],
    ['P-256 in SEC 1', pem(p256, 'sec1'), p256],
    ['P-256 in OpenSSH’s form', writeOpenSshKey(p256, 'a comment'), p256],
    ['P-384 in OpenSSH’s form', writeOpenSshKey(p384), p384],
    ['P-521 in OpenSSH’s form', writeOpenSshKey(p521), p521],
    ['RSA in PKCS #8', pem(rsa, 'pkcs8'), rsa],
    ['RSA in PKCS #1', pem(rsa, 'pkcs1'), rsa],
  ])('%s is read, and signs', (_name, text, key) => {
    const signer = readPrivateKey(text);

    expect(signer.publicKey.fingerprint).toBe(publicKeyFrom(key).fingerprint);
    for (const algorithm of signer.algorithms) {
      const signature = signer.sign(data, algorithm);
      expect(signer.publicKey.verify(data, signature, [algorithm])).toBe(true);
    }
    expect(signer.publicKey.verify(data, signer.sign(data), [signer.algorithms[0]!])).toBe(true);
  });

  test.each([
    ['a passphrase in PKCS #8', encrypted('pkcs8')],
    ['a passphrase in PKCS #1', encrypted('pkcs1')],
    ['a public key', publicPem()],
    ['nothing', ''],
    ['text', 'no key'],
    ['a kind of key that SSH has not', pem(generateKeyPairSync('x25519').privateKey, 'pkcs8')],
    ['RSA of 1024 bits', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey, 'pkcs8')],
    ['what is too long', `${pem(ed25519, 'pkcs8')}${' '.repeat(200_000)}`],
  ])('%s is a fault', (_name, text) => {
    expect(() => readPrivateKey(text)).toThrow(SshDataFault);
  });

  test('an OpenSSH key with a changed byte is a fault, or the same key with another comment', () => {
    const text = writeOpenSshKey(p256, 'comment');
    const body = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const changed = Buffer.from(body);
        changed[at]! ^= bits;
        const changedText = `-----BEGIN OPENSSH PRIVATE KEY-----\n${changed.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;

        try {
          expect(readPrivateKey(changedText).publicKey.blob).toEqual(publicKeyFrom(p256).blob);
        } catch (error) {
          expect(error).toBeInstanceOf(SshDataFault);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('generated keys come with a PEM that is read as the same key', () => {
    for (const { signer, pem: text } of [generateEd25519('gateway'), generateEcdsa256('gateway')]) {
      expect(readPrivateKey(text).publicKey.blob).toEqual(signer.publicKey.blob);
    }
  });

  test('an RSA key is not written', () => {
    expect(() => writeOpenSshKey(rsa)).toThrow(TypeError);
  });
});

function encrypted(type: 'pkcs8' | 'pkcs1'): string {
  return rsa.export({ format: 'pem', type, cipher: 'aes-256-cbc', passphrase: 'secret' }).toString();
}

function publicPem(): string {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString();
}
