import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SshDataFault, SshReader } from './data-types.ts';
import { isKeyType, type KeyType } from './key-types.ts';

/** Public keys as they are named and compared: by the SHA-256 of their blob, as OpenSSH prints it. */

/** No key of a known type is longer: RSA of 16,384 bits has 2 KB. */
export const maxPublicKeyBytes = 4_096;

/** `SHA256:` and 43 characters of base64 without padding. */
export const fingerprintSchema = z.string().regex(/^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/);

/** The fingerprint of a key blob (RFC 4253 section 6.6). */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/**
 * The type that a key blob begins with. Whether the rest is a key is found when a signature is checked with it.
 *
 * @returns undefined when it is no type that can be bound. A certificate is none: it proves somebody without that.
 */
export function keyTypeOf(blob: Buffer): KeyType | undefined {
  try {
    const type = new SshReader(blob).name();
    return blob.length <= maxPublicKeyBytes && isKeyType(type) ? type : undefined;
  } catch (error) {
    if (error instanceof SshDataFault) return undefined;
    throw error;
  }
}

/**
 * A fingerprint as part of a URL's path: base64url, since API Gateway decodes `%2F` before it looks for the
 * route, and half of all fingerprints have a slash.
 */
export function fingerprintInPath(fingerprint: string): string {
  return fingerprint.replaceAll('+', '-').replaceAll('/', '_');
}

/** A fingerprint out of a path or off a command line, in either alphabet, with or without padding. */
export function readFingerprint(text: string): string | undefined {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=$/, '');
  return fingerprintSchema.safeParse(plain).data;
}
