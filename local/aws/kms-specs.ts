/**
 * The kinds of asymmetric keys that KMS signs with, as far as they are used here.
 * https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';

/** How one of a key's algorithms signs. */
export interface SigningAlgorithm {
  /** Which message types it takes. */
  readonly messageTypes: readonly ('RAW' | 'DIGEST')[];
  /** Of the digest that DIGEST means, in bytes. */
  readonly digestBytes: number;
  sign(key: KeyObject, message: Buffer, type: 'RAW' | 'DIGEST'): Buffer;
}

export interface KeySpec {
  generate(): KeyObject;
  readonly algorithms: Readonly<Record<string, SigningAlgorithm>>;
}

const ecdsaSha256: SigningAlgorithm = {
  messageTypes: ['RAW', 'DIGEST'],
  digestBytes: 32,
  sign: (key, message, type) => (type === 'RAW' ? sign('sha256', message, key) : signDigest(key, message)),
};

/** Takes messages alone: its DIGEST form is another algorithm, Ed25519ph. */
const ed25519: SigningAlgorithm = {
  messageTypes: ['RAW'],
  digestBytes: 64,
  sign: (key, message) => sign(null, message, key),
};

export const keySpecs = {
  ECC_NIST_P256: {
    generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    algorithms: { ECDSA_SHA_256: ecdsaSha256 },
  },
  ECC_NIST_EDWARDS25519: {
    generate: () => generateKeyPairSync('ed25519').privateKey,
    algorithms: { ED25519_SHA_512: ed25519 },
  },
} as const satisfies Record<string, KeySpec>;

export type KeySpecName = keyof typeof keySpecs;

/** ECDSA over a digest that is there already, which node:crypto does not do: it always hashes. */
function signDigest(key: KeyObject, digest: Buffer): Buffer {
  const secret = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
  return Buffer.from(p256.sign(digest, secret, { prehash: false, lowS: false, format: 'der' }));
}

export const storedForm = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });

export const fromStoredForm = (der: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(der), type: 'pkcs8', format: 'der' });
