import { createPublicKey, type JsonWebKey, KeyObject } from 'node:crypto';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { fingerprintOf } from '#lib/ssh/fingerprint.ts';
import { isKeyType, type KeyType, keyForms, signatureAlgorithmsOf } from '#lib/ssh/key-types.ts';
import { type Verifier, verifySignature } from '#lib/ssh/signature.ts';

export interface SshPublicKey {
  readonly type: KeyType;
  /** The key as SSH writes it; its one encoding, so that equal keys have equal bytes. */
  readonly blob: Buffer;
  /** As OpenSSH prints it: `SHA256:` and base64 without padding. */
  readonly fingerprint: string;
  /** The signature algorithms of this key, preferred first. */
  readonly algorithms: readonly string[];
  /**
   * Whether this key made the signature blob over `data`, by one of `allowed` (all of the key's if absent).
   * False for a blob that is malformed, and for one by a FIDO token that nobody touched.
   */
  verify(data: Uint8Array, signature: Buffer, allowed?: readonly string[]): boolean;
}

/** Bytes of a key; an RSA key of 16384 bits has some 2100. */
const maxBlobBytes = 4096;
const minRsaBits = 2048;
/** As in OpenSSH; a check takes longer than a millisecond past it. */
const maxRsaBits = 16_384;
/** A larger public exponent makes every check slow; nobody has one. */
const maxRsaExponentBytes = 4;
const maxApplicationBytes = 256;

/**
 * A public key, RFC 4253 section 6.6: `string type`, then what the type has (key-types.ts names the sources).
 *
 * @throws SshDataFault for what is malformed, not of a kind that is taken, or a certificate
 */
export function readPublicKey(blob: Buffer): SshPublicKey {
  if (blob.length > maxBlobBytes) throw new SshDataFault('a key that is too long');
  const reader = new SshReader(blob);
  const key = readKeyFields(reader.name(), reader);
  reader.end();
  // Only mpints have a second encoding (zeros in front); one key must not have two fingerprints.
  if (!key.blob.equals(blob)) throw new SshDataFault('a key with zeros in front of a number');
  return key;
}

/** What follows the type; in a certificate, what follows the nonce. Leaves the reader after it. */
export function readKeyFields(type: string, reader: SshReader): SshPublicKey {
  if (!isKeyType(type)) throw new SshDataFault(`a key of type ${type}, which is not taken`);
  const form = keyForms[type];
  if (form.family === 'rsa') return readRsa(reader);
  let point: Buffer;
  let jwk: JsonWebKey;
  if (form.family === 'ed25519') {
    point = reader.string();
    jwk = { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') };
  } else {
    const { name, size, jwk: crv } = form.curve;
    if (reader.name() !== name) throw new SshDataFault('a key of another curve than its type says');
    point = reader.string();
    if (point.length !== 1 + 2 * size || point[0] !== 4) throw new SshDataFault('a point that is no point');
    const coordinate = (from: number) => point.subarray(from, from + size).toString('base64url');
    jwk = { kty: 'EC', crv, x: coordinate(1), y: coordinate(1 + size) };
  }
  const writer = new SshWriter().string(type);
  if (form.family === 'ecdsa') writer.string(form.curve.name);
  writer.string(point);
  if (!form.token) return publicKey({ type, key: importKey(jwk) }, writer.done());
  const application = reader.string();
  if (application.length > maxApplicationBytes) throw new SshDataFault('an application that is too long');
  return publicKey({ type, key: importKey(jwk), application }, writer.string(application).done());
}

function readRsa(reader: SshReader): SshPublicKey {
  const e = reader.mpint();
  const n = reader.mpint();
  const bits = n.length === 0 ? 0 : n.length * 8 - (Math.clz32(n[0]!) - 24);
  if (bits < minRsaBits) throw new SshDataFault(`an RSA key of ${bits} bits, and ${minRsaBits} are needed`);
  if (bits > maxRsaBits) throw new SshDataFault(`an RSA key of ${bits} bits, which is too many`);
  if (e.length === 0 || e.length > maxRsaExponentBytes || (e.at(-1)! & 1) === 0 || e.equals(one)) {
    throw new SshDataFault('an RSA key with an exponent that is not taken');
  }
  if ((n.at(-1)! & 1) === 0) throw new SshDataFault('an RSA key with an even modulus');
  const key = importKey({ kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') });
  const blob = new SshWriter().string('ssh-rsa').mpint(e).mpint(n).done();
  return publicKey({ type: 'ssh-rsa', key, modulusLength: n.length }, blob);
}

const one = Buffer.of(1);

function importKey(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new SshDataFault('a key that is no key of its type');
  }
}

function publicKey(verifier: Verifier, blob: Buffer): SshPublicKey {
  const algorithms = signatureAlgorithmsOf(verifier.type);
  return {
    type: verifier.type,
    blob,
    fingerprint: fingerprintOf(blob),
    algorithms,
    verify(data, signature, allowed = algorithms) {
      const both = algorithms.filter(algorithm => allowed.includes(algorithm));
      return verifySignature(verifier, data, signature, both);
    },
  };
}

/**
 * The public key of a key of node:crypto, or of the DER (SPKI) that KMS gives.
 *
 * @throws SshDataFault when SSH has no such kind of key, or Sallyport does not take it
 */
export function publicKeyFrom(source: KeyObject | Uint8Array): SshPublicKey {
  let jwk: JsonWebKey;
  try {
    const key =
      source instanceof KeyObject
        ? source
        : createPublicKey({ key: Buffer.from(source), format: 'der', type: 'spki' });
    jwk = key.export({ format: 'jwk' });
  } catch {
    throw new SshDataFault('no key that SSH has');
  }
  const bytes = (name: 'x' | 'y' | 'e' | 'n') => Buffer.from(jwk[name] ?? '', 'base64url');
  if (jwk.kty === 'RSA') {
    return readPublicKey(new SshWriter().string('ssh-rsa').mpint(bytes('e')).mpint(bytes('n')).done());
  }
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') {
    return readPublicKey(new SshWriter().string('ssh-ed25519').string(bytes('x')).done());
  }
  for (const [type, form] of Object.entries(keyForms)) {
    if (form.family !== 'ecdsa' || form.token || form.curve.jwk !== jwk.crv) continue;
    const point = Buffer.concat([Buffer.of(4), bytes('x'), bytes('y')]);
    return readPublicKey(new SshWriter().string(type).string(form.curve.name).string(point).done());
  }
  throw new SshDataFault('no key that SSH has');
}
