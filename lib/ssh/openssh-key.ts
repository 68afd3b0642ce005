import { createPrivateKey, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { isKeyType, keyForms } from '#lib/ssh/key-types.ts';
import { publicKeyFrom } from '#lib/ssh/public-key.ts';

/*
 * OpenSSH's own form of private keys, PROTOCOL.key:
 *
 *   "openssh-key-v1" 0x00
 *   string cipher ("none")   string kdf ("none")   string kdfOptions ("")
 *   uint32 keys (1)          string publicKey      string private, padded to a multiple of 8 by 1 2 3 …
 *
 *   private: uint32 check, uint32 check (the same), string type, what the type has, string comment
 */
const magic = Buffer.from('openssh-key-v1\0', 'latin1');
const begin = '-----BEGIN OPENSSH PRIVATE KEY-----';
const end = '-----END OPENSSH PRIVATE KEY-----';
/** Padding when there is no cipher. */
const blockSize = 8;

export function isOpenSshKey(pem: string): boolean {
  return pem.trimStart().startsWith(begin);
}

/** @throws SshDataFault */
export function readOpenSshKey(pem: string): KeyObject {
  const text = pem.trim();
  if (!text.startsWith(begin) || !text.endsWith(end)) throw new SshDataFault('no OpenSSH private key');
  const base64 = text.slice(begin.length, -end.length).replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new SshDataFault('an OpenSSH key that is not in base64');
  const outer = new SshReader(Buffer.from(base64, 'base64'));
  if (!outer.raw(magic.length).equals(magic)) throw new SshDataFault('no OpenSSH private key');
  const cipher = outer.name();
  const kdf = outer.name();
  outer.string();
  if (cipher !== 'none' || kdf !== 'none') {
    throw new SshDataFault('a private key with a passphrase, which is not taken');
  }
  if (outer.u32() !== 1) throw new SshDataFault('a file of several private keys');
  const publicBlob = outer.string();
  const inner = new SshReader(outer.string());
  outer.end();

  const check = inner.u32();
  if (check !== inner.u32()) throw new SshDataFault('a private key that is damaged');
  const key = importPrivate(readFields(inner));
  inner.string();
  inner.rest().forEach((byte, index) => {
    if (byte !== index + 1) throw new SshDataFault('a private key that is damaged');
  });
  if (!publicKeyFrom(key).blob.equals(publicBlob)) {
    throw new SshDataFault('a private key that is not the one of its public key');
  }
  return key;
}

function readFields(reader: SshReader): JsonWebKey {
  const type = reader.name();
  if (!isKeyType(type)) throw new SshDataFault(`a key of type ${type}, which is not taken`);
  const form = keyForms[type];
  if (form.token) throw new SshDataFault('a key on a FIDO token, which cannot sign here');
  if (form.family === 'ed25519') {
    const x = reader.string();
    const seedAndX = reader.string();
    if (x.length !== 32 || seedAndX.length !== 64) throw new SshDataFault('a private key that is damaged');
    return { kty: 'OKP', crv: 'Ed25519', x: base64url(x), d: base64url(seedAndX.subarray(0, 32)) };
  }
  if (form.family === 'ecdsa') {
    const { name, size, jwk } = form.curve;
    if (reader.name() !== name) throw new SshDataFault('a key of another curve than its type says');
    const point = reader.string();
    const d = reader.mpint();
    if (point.length !== 1 + 2 * size || d.length > size) {
      throw new SshDataFault('a private key that is damaged');
    }
    const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
    const padded = Buffer.concat([Buffer.alloc(size - d.length), d]);
    return { kty: 'EC', crv: jwk, x: base64url(x), y: base64url(y), d: base64url(padded) };
  }
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => reader.mpint());
  return {
    kty: 'RSA',
    n: base64url(n!),
    e: base64url(e!),
    d: base64url(d!),
    p: base64url(p!),
    q: base64url(q!),
    dp: base64url(remainder(d!, p!)),
    dq: base64url(remainder(d!, q!)),
    qi: base64url(qi!),
  };
}

/** d mod (prime − 1): OpenSSH leaves out what can be computed, a JSON Web Key must have it. */
function remainder(d: Buffer, prime: Buffer): Buffer {
  const modulus = number(prime) - 1n;
  if (modulus < 1n) throw new SshDataFault('a private key that is damaged');
  const hex = (number(d) % modulus).toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

const number = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex') || '0'}`);
const base64url = (bytes: Buffer): string => bytes.toString('base64url');

function importPrivate(jwk: JsonWebKey): KeyObject {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new SshDataFault('a private key that is damaged');
  }
}

/** The PEM of an Ed25519 or ECDSA key, without a passphrase; ssh-keygen and ssh read it. */
export function writeOpenSshKey(key: KeyObject, comment = ''): string {
  const { type, blob } = publicKeyFrom(key);
  const jwk = key.export({ format: 'jwk' });
  const d = Buffer.from(jwk.d ?? '', 'base64url');
  const form = keyForms[type];
  if (form.family === 'rsa') throw new TypeError('key is RSA, which is read and not written');
  const check = randomBytes(4);
  const inner = new SshWriter(512).raw(check).raw(check).raw(blob);
  if (form.family === 'ed25519') inner.string(Buffer.concat([d, Buffer.from(jwk.x ?? '', 'base64url')]));
  else inner.mpint(d);
  inner.string(comment);
  for (let pad = 1; inner.length % blockSize !== 0; pad += 1) inner.u8(pad);
  const outer = new SshWriter(1024).raw(magic).string('none').string('none').string('');
  const base64 = outer.u32(1).string(blob).string(inner.done()).done().toString('base64');
  return `${begin}\n${base64.replaceAll(/.{70}/g, '$&\n').trimEnd()}\n${end}\n`;
}
