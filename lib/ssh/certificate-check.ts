import { isListed } from '#lib/ssh/address-list.ts';
import { type CertificateKind, forever, type SshCertificate } from '#lib/ssh/certificate.ts';
import { SshDataFault, SshReader } from '#lib/ssh/data-types.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';

export interface CertificateUse {
  /** Those who may sign: keys, or their fingerprints. */
  readonly authorities: readonly (SshPublicKey | string)[];
  readonly kind: CertificateKind;
  /** Who wants in, or which host it is: must be among the certificate's principals as it stands. */
  readonly principal: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Where the client is. Without it, a certificate for certain addresses does not hold. */
  readonly sourceAddress?: string;
}

export type CertificateFaultCode =
  | 'unknownAuthority'
  | 'badSignature'
  | 'wrongKind'
  | 'noPrincipals'
  | 'otherPrincipal'
  | 'notYetValid'
  | 'expired'
  /** A critical option that is not known: its name is the detail. */
  | 'criticalOption'
  | 'sourceAddress';

export interface CertificateFault {
  readonly code: CertificateFaultCode;
  /** One sentence, for logs and people. */
  readonly detail: string;
}

/**
 * Why a certificate does not hold; undefined when it does. OpenSSH PROTOCOL.certkeys: of critical options
 * only `source-address` is known, and a certificate with any other must be refused. Extensions grant, and
 * nothing is granted for them here.
 */
export function verifyCertificate(
  certificate: SshCertificate,
  use: CertificateUse,
): CertificateFault | undefined {
  const { authority, kind, principals } = certificate;
  const known = use.authorities.some(one =>
    typeof one === 'string' ? one === authority.fingerprint : one.blob.equals(authority.blob),
  );
  if (!known) return fault('unknownAuthority', `${authority.fingerprint} may not sign certificates here`);
  if (!authority.verify(certificate.signed, certificate.signature)) {
    return fault('badSignature', 'the signature is not the authority’s');
  }
  if (kind !== use.kind) return fault('wrongKind', `it is a certificate of a ${kind}`);
  if (principals.length === 0) return fault('noPrincipals', 'it names no principals');
  if (!principals.includes(use.principal)) return fault('otherPrincipal', 'it is for other principals');
  return validityFault(certificate, use.now) ?? optionsFault(certificate, use);
}

function validityFault(certificate: SshCertificate, nowMs: number): CertificateFault | undefined {
  const now = BigInt(Math.floor(nowMs / 1000));
  if (now < certificate.validAfter) return fault('notYetValid', 'its time has not come');
  if (certificate.validBefore !== forever && now >= certificate.validBefore) {
    return fault('expired', 'its time is over');
  }
  return undefined;
}

function optionsFault(certificate: SshCertificate, use: CertificateUse): CertificateFault | undefined {
  for (const [name, data] of certificate.criticalOptions) {
    if (name !== 'source-address' || certificate.kind !== 'user') return fault('criticalOption', name);
    const list = readValue(data);
    if (list === undefined || use.sourceAddress === undefined || !isListed(list, use.sourceAddress)) {
      return fault('sourceAddress', 'it is for other source addresses');
    }
  }
  return undefined;
}

/** An option's value is a string within its bytes. */
function readValue(data: Buffer): string | undefined {
  try {
    const reader = new SshReader(data);
    const value = reader.name();
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof SshDataFault) return undefined;
    throw error;
  }
}

function fault(code: CertificateFaultCode, detail: string): CertificateFault {
  return { code, detail };
}
