import { readCertificate } from '#lib/ssh/certificate.ts';
import { verifyCertificate } from '#lib/ssh/certificate-check.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { readPublicKey } from '#lib/ssh/public-key.ts';
import type { SshLogin } from './login.ts';
import { certificateAlgorithm } from './wire/host-certificate.ts';
import type { HostTrust } from './wire/transport.ts';

/** Kinds of host key that the key exchange has, the preferred one first. */
const kinds = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/**
 * A target is who it should be when it shows a host key that was written down for it, or a certificate for its
 * name by an authority that was. Nothing is trusted because it was seen first.
 */
export function hostTrust(login: SshLogin, now: () => number = Date.now): HostTrust {
  const known = (kind: string) =>
    login.hostKeys.some(key => key.type === kind || (key.type === 'ssh-rsa' && kind.startsWith('rsa-')));
  return {
    // An authority may have certified any kind of key; RSA has names of its own there, which nobody needs.
    algorithms: [
      ...(login.hostAuthorities.length > 0 ? kinds.slice(0, 4).map(certificateAlgorithm) : []),
      ...kinds.filter(known),
    ],
    verify(blob) {
      try {
        if (login.hostKeys.some(key => key.blob.equals(blob))) return readPublicKey(blob).blob.equals(blob);
        const certificate = readCertificate(blob);
        const fault = verifyCertificate(certificate, {
          authorities: login.hostAuthorities,
          kind: 'host',
          principal: login.host,
          now: now(),
        });
        return fault === undefined && { plainKey: certificate.key.blob };
      } catch (error) {
        if (error instanceof SshDataFault) return false;
        throw error;
      }
    },
  };
}
