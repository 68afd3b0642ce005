import type { HostKey, KeyExchange } from 'ssh2/lib/protocol/Protocol.js';

/**
 * Host certificates (OpenSSH PROTOCOL.certkeys) in a key exchange that knows keys only. A certificate stands
 * where the host key stands, and is hashed with everything else; the signature is by the plain key in it and
 * says the plain key's algorithm. ssh2 looks both up in the same two places, so each of them changes between
 * the two looks.
 */

const suffix = '-cert-v01@openssh.com';

/** `ssh-ed25519-cert-v01@openssh.com` → `ssh-ed25519`; a plain name stays. */
export function plainAlgorithm(name: string): string {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

export function certificateAlgorithm(name: string): string {
  return `${name}${suffix}`;
}

/** A host key that shows a certificate instead of itself. `exchange` gives the key exchange that asks. */
export function certifiedHostKey(key: HostKey, certificate: Buffer, exchange: () => KeyExchange): HostKey {
  return {
    type: key.type,
    getPublicSSH: () => certificate,
    sign: (data, hashAlgorithm) => {
      // The name of the signature's algorithm is looked up after this.
      exchange().negotiated.serverHostKey = key.type;
      return key.sign(data, hashAlgorithm);
    },
  };
}

/**
 * Tells the key exchange of a client that the certificate it was shown has been verified.
 *
 * @param plainKey the key in it, as a blob of its own
 */
export function acceptCertificate(exchange: KeyExchange, certificate: Buffer, plainKey: Buffer): void {
  exchange.negotiated.serverHostKey = plainAlgorithm(exchange.negotiated.serverHostKey);
  let hashed = false;
  Object.defineProperty(exchange, '_hostKey', {
    configurable: true,
    // The first look is the exchange hash's; the others verify the signature.
    get: () => {
      if (hashed) return plainKey;
      hashed = true;
      return certificate;
    },
    set: () => {},
  });
}
