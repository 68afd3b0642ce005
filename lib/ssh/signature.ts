import { createHash, type KeyObject, verify } from 'node:crypto';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { type Curve, type KeyForm, type KeyType, keyForms } from '#lib/ssh/key-types.ts';

/** The flag of a FIDO token's signature that says that somebody touched it. */
const userPresent = 0x01;

const rsaHashes: Readonly<Record<string, 'sha256' | 'sha512'>> = {
  'rsa-sha2-256': 'sha256',
  'rsa-sha2-512': 'sha512',
};

export interface Verifier {
  readonly type: KeyType;
  readonly key: KeyObject;
  /** What the token signs for, `ssh:` mostly; only keys on a FIDO token have it. */
  readonly application?: Buffer;
  /** Bytes of an RSA modulus. */
  readonly modulusLength?: number;
}

/**
 * Whether `signature` (`string algorithm, string blob` and, of FIDO tokens, `byte flags, uint32 counter`) is
 * this key's over `data`. The algorithm must be among `allowed`. Never throws: what is malformed does not hold.
 *
 * A signature has one encoding only, so that no byte of it can change unseen.
 */
export function verifySignature(
  verifier: Verifier,
  data: Uint8Array,
  signature: Buffer,
  allowed: readonly string[],
): boolean {
  try {
    const reader = new SshReader(signature);
    const algorithm = reader.name();
    if (!allowed.includes(algorithm)) return false;
    const blob = reader.string();
    const form = keyForms[verifier.type];
    if (!form.token) {
      reader.end();
      return holds(verifier, form, algorithm, data, blob);
    }
    const flags = reader.u8();
    const counter = reader.u32();
    reader.end();
    if ((flags & userPresent) === 0) return false;
    // OpenSSH PROTOCOL.u2f, "Signature formats".
    const signed = new SshWriter()
      .raw(sha256(verifier.application!))
      .u8(flags)
      .u32(counter)
      .raw(sha256(data))
      .done();
    return holds(verifier, form, algorithm, signed, blob);
  } catch {
    // What cannot be read, here or by node:crypto.
    return false;
  }
}

function holds(
  { key, modulusLength }: Verifier,
  form: KeyForm,
  algorithm: string,
  data: Uint8Array,
  blob: Buffer,
): boolean {
  if (form.family === 'ed25519') return blob.length === 64 && verify(null, data, key, blob);
  if (form.family === 'ecdsa') {
    const rs = readEcdsa(blob, form.curve);
    return verify(form.curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, rs);
  }
  return blob.length === modulusLength && verify(rsaHashes[algorithm]!, data, key, blob);
}

/** `mpint r, mpint s` of RFC 5656 section 3.1.2 as r and s of fixed size in a row. */
function readEcdsa(blob: Buffer, curve: Curve): Buffer {
  const reader = new SshReader(blob);
  const rs = Buffer.alloc(2 * curve.size);
  for (const at of [0, curve.size]) {
    const number = reader.mpint();
    if (number.length > curve.size) throw new SshDataFault('a signature with a number that is too large');
    rs.set(number, at + curve.size - number.length);
  }
  reader.end();
  if (!ecdsaBlob(rs).equals(blob)) throw new SshDataFault('a number with zeros in front');
  return rs;
}

function ecdsaBlob(rs: Buffer): Buffer {
  const half = rs.length / 2;
  return new SshWriter().mpint(rs.subarray(0, half)).mpint(rs.subarray(half)).done();
}

/** An ECDSA signature as SSH has it, of r and s of the same size in a row (IEEE P1363). */
export function ecdsaSignature(algorithm: string, rs: Buffer): Buffer {
  return signatureBlob(algorithm, ecdsaBlob(rs));
}

/**
 * An ECDSA signature as SSH has it, of the DER that KMS and others give: `SEQUENCE { INTEGER r, INTEGER s }`.
 *
 * @param algorithm such as `ecdsa-sha2-nistp256`
 * @throws SshDataFault when it is no such DER
 */
export function ecdsaSignatureFromDer(algorithm: string, der: Uint8Array): Buffer {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const [sequence, sequenceEnd] = derValue(bytes, 0, 0x30);
  const [r, rEnd] = derValue(bytes, sequence, 0x02);
  const [s, sEnd] = derValue(bytes, rEnd, 0x02);
  if (sequenceEnd !== bytes.length || sEnd !== sequenceEnd) throw notDer();
  const numbers = [bytes.subarray(r, rEnd), bytes.subarray(s, sEnd)];
  if (numbers.some(number => number.length === 0 || number[0]! >= 0x80)) throw notDer();
  const blob = new SshWriter().mpint(numbers[0]!).mpint(numbers[1]!).done();
  return signatureBlob(algorithm, blob);
}

/** Where the value of the element at `at` begins and ends. */
function derValue(bytes: Buffer, at: number, tag: number): [from: number, end: number] {
  if (bytes[at] !== tag) throw notDer();
  const short = bytes[at + 1];
  const long = short === 0x81;
  const length = long ? bytes[at + 2] : short;
  const from = at + (long ? 3 : 2);
  if (length === undefined || (!long && length >= 0x80) || from + length > bytes.length) throw notDer();
  return [from, from + length];
}

function notDer(): SshDataFault {
  return new SshDataFault('an ECDSA signature that is not DER');
}

export function signatureBlob(algorithm: string, blob: Uint8Array): Buffer {
  return new SshWriter(blob.length + 64).string(algorithm).string(blob).done();
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
