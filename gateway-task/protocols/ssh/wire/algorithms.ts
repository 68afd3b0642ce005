import type { Algorithms } from 'ssh2/lib/protocol/Protocol.js';

/**
 * What is offered on both legs: what OpenSSH 9 and ssh2 both have and nobody advises against. The CTR ciphers
 * are there for clients without authenticated ones (Paramiko 2), with a MAC over the ciphertext. Compression is
 * not offered: it tells the length of what is encrypted.
 */
const kex = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384'];
const direction = {
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes256-ctr',
    'aes128-ctr',
  ],
  mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
  lang: [],
} as const;

/** The signatures that are taken from clients' keys, and made with the gateway's own. */
export const signatureAlgorithms = [
  'ssh-ed25519',
  'sk-ssh-ed25519@openssh.com',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** @param serverHostKey the kinds of host key, the preferred one first */
export function algorithms(serverHostKey: readonly string[]): Algorithms {
  return { kex, serverHostKey, cs: direction, sc: direction };
}
