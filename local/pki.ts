/**
 * The certificates of the embedded stack: one local authority, and from it one certificate for each server.
 * They live in the data folder, so that a client that trusts the authority once goes on trusting it.
 */
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
// The library's dependency injection asks for it before anything of it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { writePrivateFile } from './files.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const authorityDays = 3650;
/** Short enough for every client (Apple's limit is 825 days), renewed at a start in its last third. */
const serverDays = 360;
const renewBeforeDays = 120;

/** Paths of PEM files; the key is readable by its owner alone. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  /** The authority's certificate: what a client's `sslrootcert` names. */
  readonly ca: string;
  /** Servers by name: `gateway`, `postgres`. All answer to localhost, 127.0.0.1 and ::1. */
  readonly servers: Readonly<Record<string, CertificateFiles>>;
}

/**
 * Makes what is missing in `folder`, renews what is about to end, and keeps the rest.
 *
 * @param now milliseconds since the epoch
 */
export async function preparePki(folder: string, names: readonly string[], now = Date.now()): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const ca = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca-key.pem');
  const authority =
    (await loadAuthority(ca, caKey, now)) ?? (await makeAuthority({ cert: ca, key: caKey }, now));
  const servers: Record<string, CertificateFiles> = {};
  for (const name of names) {
    const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
    if (!(await holds(files, authority.certificate, now))) await makeServer(name, files, authority, now);
    servers[name] = files;
  }
  return { ca, servers };
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

async function loadAuthority(cert: string, key: string, now: number): Promise<Authority | undefined> {
  try {
    const certificate = new x509.X509Certificate(await readFile(cert, 'utf8'));
    if (certificate.notAfter.getTime() - now < serverDays * dayMs) return undefined;
    const der = x509.PemConverter.decodeFirst(await readFile(key, 'utf8'));
    const privateKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
    return { certificate, privateKey };
  } catch {
    // Missing, or no certificate: made anew. Nothing but this folder depends on the old one.
    return undefined;
  }
}

async function makeAuthority(files: CertificateFiles, now: number): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: 'CN=Sallyport local authority',
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + authorityDays * dayMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  await writePair(files, certificate, keys.privateKey);
  return { certificate, privateKey: keys.privateKey };
}

async function makeServer(name: string, files: CertificateFiles, authority: Authority, now: number) {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: `CN=localhost,OU=${name}`,
      issuer: authority.certificate.subject,
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + serverDays * dayMs),
      publicKey: keys.publicKey,
      signingKey: authority.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  await writePair(files, certificate, keys.privateKey);
}

/** True when the pair on disk is ours, belongs together and lasts long enough. */
async function holds(files: CertificateFiles, ca: x509.X509Certificate, now: number): Promise<boolean> {
  try {
    const certificate = new X509Certificate(await readFile(files.cert));
    await readFile(files.key);
    const left = Date.parse(certificate.validTo) - now;
    return (
      left > renewBeforeDays * dayMs && certificate.verify(new X509Certificate(ca.toString('pem')).publicKey)
    );
  } catch {
    return false;
  }
}

async function writePair(
  files: CertificateFiles,
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
) {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  // The key first: a certificate on disk says that its key is there too.
  await writePrivateFile(files.key, x509.PemConverter.encode(der, 'PRIVATE KEY'));
  await writePrivateFile(files.cert, certificate.toString('pem'), 0o644);
}

/** 127 random bits, positive (RFC 5280 section 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString('hex');
}
