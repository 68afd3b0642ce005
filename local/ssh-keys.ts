/** Host keys and certificates for the SSH servers of the embedded stack: kept, and made where they are missing. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CertificateKind, certificateTypeOf, makeCertificate } from '#lib/ssh/certificate.ts';
import { publicKeyLine } from '#lib/ssh/key-line.ts';
import { generateEcdsa256, generateEd25519, type LocalSigner, readPrivateKey } from '#lib/ssh/private-key.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';
import { readOrMake, writePrivateFile } from './files.ts';

/** Who signs certificates: a key at hand, or one in KMS. */
export interface Authority {
  readonly publicKey: SshPublicKey;
  sign(data: Uint8Array): Buffer | Promise<Buffer>;
}

/** A key on disk. */
export interface KeyFile {
  /** OpenSSH's private form, mode 0600. */
  readonly file: string;
  readonly signer: LocalSigner;
}

const daySeconds = 86_400n;
/** Certificates are made anew at every start, so they last longer than any stack runs. */
const certificateDays = 365n;

/** Reads a key, or makes it. */
export async function prepareKey(file: string, kind: 'ed25519' | 'ecdsa', comment: string): Promise<KeyFile> {
  const make = kind === 'ed25519' ? generateEd25519 : generateEcdsa256;
  const pem = await readOrMake(file, () => make(comment).pem);
  return { file, signer: readPrivateKey(pem) };
}

/** The host keys of a server in a folder of their own: `ssh_host_ed25519_key` and `ssh_host_ecdsa_key`. */
export async function prepareHostKeys(folder: string, comment: string): Promise<readonly KeyFile[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return Promise.all(
    (['ed25519', 'ecdsa'] as const).map(kind =>
      prepareKey(join(folder, `ssh_host_${kind}_key`), kind, comment),
    ),
  );
}

export interface CertificateWish {
  readonly kind: CertificateKind;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly extensions?: Readonly<Record<string, string>>;
}

/**
 * Writes the certificate of a key where OpenSSH looks for it, `KEY-cert.pub`, over an older one.
 *
 * @returns the file
 */
export async function certify(key: KeyFile, wish: CertificateWish, authority: Authority): Promise<string> {
  const now = BigInt(Math.floor(Date.now() / 1000));
  const blob = await makeCertificate({
    key: key.signer.publicKey,
    kind: wish.kind,
    serial: randomBytes(8).readBigUInt64BE(),
    keyId: wish.keyId,
    principals: wish.principals,
    validAfter: now - daySeconds,
    validBefore: now + certificateDays * daySeconds,
    ...(wish.extensions === undefined ? {} : { extensions: wish.extensions }),
    authority,
  });
  const file = `${key.file}-cert.pub`;
  const type = certificateTypeOf(key.signer.publicKey.type);
  await writePrivateFile(file, `${type} ${blob.toString('base64')} ${wish.keyId}\n`, 0o644);
  return file;
}

export const lineOf = (authority: Pick<Authority, 'publicKey'>): string => publicKeyLine(authority.publicKey);
