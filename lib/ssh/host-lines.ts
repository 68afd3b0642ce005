import { createHash } from 'node:crypto';
import { keyForms } from '#lib/ssh/key-types.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';

/** Where clients reach a host: names and addresses as they would be typed. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

const sshPort = 22;

/**
 * A line for known_hosts, sshd(8) SSH_KNOWN_HOSTS FILE FORMAT: `shop.example ssh-ed25519 AAAA…`, or
 * `[shop.example]:2222 ssh-ed25519 AAAA…` where the port is not 22.
 */
export function knownHostsLine(address: HostAddress, key: SshPublicKey): string {
  return `${hostPattern(address.host, address.port)} ${key.type} ${key.blob.toString('base64')}`;
}

/**
 * A line for known_hosts that trusts an authority for hosts: `@cert-authority *.shop.example ssh-ed25519 AAAA…`.
 * A pattern without a port is for port 22 alone; `[*.shop.example]:2222` is for 2222.
 */
export function certAuthorityLine(patterns: readonly string[], key: SshPublicKey): string {
  if (patterns.length === 0) throw new TypeError('patterns has none');
  for (const pattern of patterns) {
    if (!/^[!-+\--~]+$/.test(pattern)) throw new TypeError('a pattern has a blank, a comma or nothing in it');
  }
  return `@cert-authority ${patterns.join(',')} ${key.type} ${key.blob.toString('base64')}`;
}

/** How known_hosts writes a host and a port. */
export function hostPattern(host: string, port: number): string {
  if (!/^[!-+\--~]+$/.test(host)) throw new TypeError('host has a blank, a comma or nothing in it');
  return port === sshPort ? host : `[${host}]:${port}`;
}

/** RFC 4255 section 3.1.1 (RSA), RFC 6594 (ECDSA), RFC 7479 (Ed25519). */
const algorithms = { rsa: 1, ecdsa: 3, ed25519: 4 } as const;
/** RFC 6594 section 4.2. SHA-1, the other one, is not written. */
const sha256Type = 2;

/**
 * An SSHFP record of a host key for a zone file, as `ssh-keygen -r` writes it. It says something only where the
 * zone is signed (DNSSEC).
 */
export function sshfpRecord(name: string, key: SshPublicKey): string {
  const { family, token } = keyForms[key.type];
  if (token) throw new TypeError('key is on a FIDO token, and no host key');
  const digest = createHash('sha256').update(key.blob).digest('hex');
  return `${name} IN SSHFP ${algorithms[family]} ${sha256Type} ${digest}`;
}
