import { randomBytes } from 'node:crypto';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { isKeyType } from '#lib/ssh/key-types.ts';
import { readKeyFields, readPublicKey, type SshPublicKey } from '#lib/ssh/public-key.ts';

export type CertificateKind = 'user' | 'host';

/** Critical options and extensions: a name, and its bytes as they stand. Sorted by name, no duplicates. */
export type CertificateOptions = ReadonlyMap<string, Buffer>;

export interface SshCertificate {
  /** Such as `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  readonly blob: Buffer;
  /** The key that is certified. */
  readonly key: SshPublicKey;
  readonly serial: bigint;
  readonly kind: CertificateKind;
  /** What the authority calls it; for people and logs. */
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970; from then on it is valid. */
  readonly validAfter: bigint;
  /** Seconds since 1970; from then on it is not. */
  readonly validBefore: bigint;
  readonly criticalOptions: CertificateOptions;
  readonly extensions: CertificateOptions;
  /** The key that signed. Whether it may is for who verifies. */
  readonly authority: SshPublicKey;
  /** The bytes that are signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const suffix = '-cert-v01@openssh.com';
const kinds: Readonly<Record<number, CertificateKind>> = { 1: 'user', 2: 'host' };
/** As in OpenSSH. */
const maxPrincipals = 256;
const maxCertificateBytes = 64 << 10;
const nonceBytes = 32;
export const forever = 0xffff_ffff_ffff_ffffn;

/** The type of the certificates of a key: `ssh-ed25519-cert-v01@openssh.com`, `sk-ssh-ed25519-cert-v01@openssh.com`. */
export function certificateTypeOf(keyType: string): string {
  return keyType.replace(/@openssh\.com$/, '') + suffix;
}

/** The type of the key in certificates of a type; undefined when it is no type of certificates that are taken. */
export function keyTypeOfCertificate(type: string): string | undefined {
  if (!type.endsWith(suffix)) return undefined;
  const plain = type.slice(0, -suffix.length);
  return [plain, `${plain}@openssh.com`].find(isKeyType);
}

/**
 * An OpenSSH certificate, PROTOCOL.certkeys. Nothing in it is to be believed before `verifyCertificate`.
 *
 *   string type, string nonce, what the key's type has,
 *   uint64 serial, uint32 kind, string keyId, string principals (strings in a row),
 *   uint64 validAfter, uint64 validBefore, string criticalOptions, string extensions, string reserved,
 *   string authority's key, string signature
 *
 * @throws SshDataFault for what is malformed, or of kinds of keys that are not taken, the authority's included
 */
export function readCertificate(blob: Buffer): SshCertificate {
  if (blob.length > maxCertificateBytes) throw new SshDataFault('a certificate that is too long');
  const reader = new SshReader(blob);
  const type = reader.name();
  const keyType = keyTypeOfCertificate(type);
  if (keyType === undefined) throw new SshDataFault(`a certificate of type ${type}, which is not taken`);
  reader.string();
  const key = readKeyFields(keyType, reader);
  const serial = reader.u64();
  const kind = kinds[reader.u32()];
  if (kind === undefined) throw new SshDataFault('a certificate that is neither of a user nor of a host');
  const keyId = reader.text();
  const principals = readPrincipals(reader.string());
  const validAfter = reader.u64();
  const validBefore = reader.u64();
  const criticalOptions = readOptions(reader.string());
  const extensions = readOptions(reader.string());
  reader.string();
  // A certificate is no plain key: it is refused here as an authority.
  const authority = readPublicKey(reader.string());
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string();
  reader.end();
  return {
    ...{ type, blob, key, serial, kind, keyId, principals, validAfter, validBefore },
    ...{ criticalOptions, extensions, authority, signed, signature },
  };
}

function readPrincipals(bytes: Buffer): string[] {
  const reader = new SshReader(bytes);
  const principals: string[] = [];
  while (reader.remaining > 0) {
    if (principals.length === maxPrincipals) throw new SshDataFault('a certificate of too many principals');
    principals.push(reader.text());
  }
  return principals;
}

function readOptions(bytes: Buffer): CertificateOptions {
  const reader = new SshReader(bytes);
  const options = new Map<string, Buffer>();
  let last = '';
  while (reader.remaining > 0) {
    const name = reader.name();
    if (name <= last) throw new SshDataFault('options of a certificate that are not in order');
    options.set(name, reader.string());
    last = name;
  }
  return options;
}

export interface CertificateRequest {
  readonly key: SshPublicKey;
  readonly kind: CertificateKind;
  readonly serial: bigint;
  readonly keyId: string;
  /** At least one: a certificate without principals would be good for all of them. */
  readonly principals: readonly string[];
  /** Seconds since 1970. */
  readonly validAfter: bigint;
  /** Seconds since 1970, after {@link validAfter}. */
  readonly validBefore: bigint;
  /** Name and value; an option without a value, such as `permit-pty`, has `''`. */
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly authority: {
    readonly publicKey: SshPublicKey;
    sign(data: Uint8Array): Buffer | Promise<Buffer>;
  };
}

/**
 * Makes a certificate and has the authority sign it.
 *
 * @throws TypeError for a request that no certificate should come of
 * @throws Error when what the authority returns is not its signature
 */
export async function makeCertificate(request: CertificateRequest): Promise<Buffer> {
  const { key, kind, principals, validAfter, validBefore, authority } = request;
  if (principals.length === 0 || principals.includes('')) throw new TypeError('principals has none, or ""');
  if (principals.length > maxPrincipals) throw new TypeError('principals has too many');
  if (validBefore <= validAfter) throw new TypeError('validBefore is not after validAfter');
  const type = certificateTypeOf(key.type);
  const typeBytes = 4 + key.type.length;
  const packed = new SshWriter();
  for (const principal of principals) packed.string(principal);
  const signed = new SshWriter(1024)
    .string(type)
    .string(randomBytes(nonceBytes))
    .raw(key.blob.subarray(typeBytes))
    .u64(request.serial)
    .u32(kind === 'user' ? 1 : 2)
    .string(request.keyId)
    .string(packed.done())
    .u64(validAfter)
    .u64(validBefore)
    .string(writeOptions(request.criticalOptions))
    .string(writeOptions(request.extensions))
    .string('')
    .string(authority.publicKey.blob)
    .done();
  const signature = await authority.sign(signed);
  if (!authority.publicKey.verify(signed, signature)) {
    throw new Error('the authority returned what is not its signature');
  }
  return new SshWriter(signed.length + signature.length + 4).raw(signed).string(signature).done();
}

function writeOptions(options: Readonly<Record<string, string>> = {}): Buffer {
  const writer = new SshWriter();
  for (const [name, value] of Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.string(name).string(value === '' ? '' : new SshWriter().string(value).done());
  }
  return writer.done();
}
