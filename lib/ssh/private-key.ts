import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { type Curve, keyForms } from '#lib/ssh/key-types.ts';
import { isOpenSshKey, readOpenSshKey, writeOpenSshKey } from '#lib/ssh/openssh-key.ts';
import { publicKeyFrom, type SshPublicKey } from '#lib/ssh/public-key.ts';
import { ecdsaSignature, signatureBlob } from '#lib/ssh/signature.ts';

/** What signs as an SSH key: a key at hand, or one that a service such as KMS keeps. */
export interface SshSigner {
  readonly publicKey: SshPublicKey;
  /** Signature algorithms, preferred first. */
  readonly algorithms: readonly string[];
  /**
   * The signature blob, `string algorithm, string signature`.
   *
   * @param algorithm one of {@link algorithms}; the first if absent
   */
  sign(data: Uint8Array, algorithm?: string): Buffer | Promise<Buffer>;
}

/** A key at hand signs at once. */
export interface LocalSigner extends SshSigner {
  sign(data: Uint8Array, algorithm?: string): Buffer;
}

/** Some ten times an RSA key of 16384 bits. */
const maxPemLength = 128 << 10;

/**
 * A private key in PEM without a passphrase: PKCS #8, PKCS #1, SEC 1 or OpenSSH's own form. Of a kind of key
 * that Sallyport takes; not one on a FIDO token, which cannot sign here.
 *
 * @throws SshDataFault, which never quotes the key
 */
export function readPrivateKey(pem: string): LocalSigner {
  if (pem.length > maxPemLength) throw new SshDataFault('a private key that is too long');
  if (isOpenSshKey(pem)) return signerOf(readOpenSshKey(pem));
  if (/^(Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED)/m.test(pem)) {
    throw new SshDataFault('a private key with a passphrase, which is not taken');
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    throw new SshDataFault('no private key in PEM');
  }
  return signerOf(key);
}

function signerOf(key: KeyObject): LocalSigner {
  const publicKey = publicKeyFrom(key);
  const { algorithms } = publicKey;
  return {
    publicKey,
    algorithms,
    sign(data, algorithm = algorithms[0]!) {
      if (!algorithms.includes(algorithm)) throw new TypeError(`algorithm ${algorithm} is not of this key`);
      return signWith(key, publicKey, data, algorithm);
    },
  };
}

function signWith(key: KeyObject, { type }: SshPublicKey, data: Uint8Array, algorithm: string): Buffer {
  const form = keyForms[type];
  if (form.family === 'ed25519') return signatureBlob(algorithm, sign(null, data, key));
  if (form.family === 'rsa') {
    return signatureBlob(algorithm, sign(algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512', data, key));
  }
  return ecdsaSignature(algorithm, sign(form.curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }));
}

/** A new key: what signs with it, and its PEM in OpenSSH's form, as ssh-keygen writes it. A secret. */
export interface GeneratedKey {
  readonly signer: LocalSigner;
  readonly pem: string;
}

export function generateEd25519(comment = ''): GeneratedKey {
  return generated(generateKeyPairSync('ed25519').privateKey, comment);
}

export function generateEcdsa256(comment = ''): GeneratedKey {
  const namedCurve: Curve['jwk'] = 'P-256';
  return generated(generateKeyPairSync('ec', { namedCurve }).privateKey, comment);
}

function generated(key: KeyObject, comment: string): GeneratedKey {
  return { signer: signerOf(key), pem: writeOpenSshKey(key, comment) };
}
