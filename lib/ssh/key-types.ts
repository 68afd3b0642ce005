/**
 * The kinds of keys that Sallyport takes, and nothing else: no DSA, no RSA signature over SHA-1, no RSA below
 * 2048 bits.
 *
 * Sources: RFC 8709 (Ed25519), RFC 5656 (ECDSA), RFC 4253 section 6.6 and RFC 8332 (RSA), OpenSSH PROTOCOL.u2f
 * (the `sk-` kinds, kept on a FIDO token).
 */

export type KeyType =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'ssh-rsa'
  | 'sk-ssh-ed25519@openssh.com'
  | 'sk-ecdsa-sha2-nistp256@openssh.com';

export interface Curve {
  /** Its name in SSH, RFC 5656 section 10.1. */
  readonly name: 'nistp256' | 'nistp384' | 'nistp521';
  /** Its name in a JSON Web Key. */
  readonly jwk: 'P-256' | 'P-384' | 'P-521';
  /** Bytes of a coordinate. */
  readonly size: number;
  /** RFC 5656 section 6.2.1. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

const p256: Curve = { name: 'nistp256', jwk: 'P-256', size: 32, hash: 'sha256' };
const p384: Curve = { name: 'nistp384', jwk: 'P-384', size: 48, hash: 'sha384' };
const p521: Curve = { name: 'nistp521', jwk: 'P-521', size: 66, hash: 'sha512' };

export type KeyForm =
  | { readonly family: 'ed25519'; readonly token: boolean }
  | { readonly family: 'ecdsa'; readonly token: boolean; readonly curve: Curve }
  | { readonly family: 'rsa'; readonly token: false };

export const keyForms: Readonly<Record<KeyType, KeyForm>> = {
  'ssh-ed25519': { family: 'ed25519', token: false },
  'ecdsa-sha2-nistp256': { family: 'ecdsa', token: false, curve: p256 },
  'ecdsa-sha2-nistp384': { family: 'ecdsa', token: false, curve: p384 },
  'ecdsa-sha2-nistp521': { family: 'ecdsa', token: false, curve: p521 },
  'ssh-rsa': { family: 'rsa', token: false },
  'sk-ssh-ed25519@openssh.com': { family: 'ed25519', token: true },
  'sk-ecdsa-sha2-nistp256@openssh.com': { family: 'ecdsa', token: true, curve: p256 },
};

export const keyTypes = Object.keys(keyForms) as readonly KeyType[];

export function isKeyType(name: string): name is KeyType {
  return Object.hasOwn(keyForms, name);
}

/** RSA keys sign with SHA-2 only; every other key has one algorithm, named as its type. Preferred first. */
export function signatureAlgorithmsOf(type: KeyType): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
}

/** Every signature algorithm that is taken, preferred first: what `server-sig-algs` of RFC 8308 lists. */
export const signatureAlgorithms: readonly string[] = keyTypes.flatMap(signatureAlgorithmsOf);
