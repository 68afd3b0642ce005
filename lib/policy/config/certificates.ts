import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Mistake } from '#lib/policy/config/mistake.ts';
import type { Targets } from '#lib/policy/config/targets.ts';
import type { YamlFile } from '#lib/policy/config/yaml-file.ts';

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Puts the text of `.pem` files in place of their names, so that a snapshot needs no folder beside it, and checks
 * that what `ca` says are certificates.
 */
export function withCertificates(
  dir: string,
  yaml: YamlFile<Targets>,
): { targets: Targets | undefined; mistakes: Mistake[] } {
  if (yaml.value === undefined) return { targets: undefined, mistakes: [] };
  const mistakes: Mistake[] = [];
  const targets: Targets = {};
  for (const [name, target] of Object.entries(yaml.value)) {
    if (!('tls' in target)) {
      targets[name] = target;
      continue;
    }
    const { ca } = target.tls;
    const pem = ca === undefined ? undefined : readPem(dir, ca);
    if (typeof pem === 'object') mistakes.push(yaml.mistakeAt([name, 'tls', 'ca'], pem.problem));
    targets[name] = typeof pem === 'string' ? { ...target, tls: { ...target.tls, ca: pem } } : target;
  }
  return { targets, mistakes };
}

function readPem(dir: string, ca: string): string | { readonly problem: string } {
  let pem = ca;
  if (!ca.includes('-----BEGIN')) {
    if (basename(ca) !== ca || !ca.endsWith('.pem')) {
      return { problem: '"ca" must be certificates in PEM, or the name of a .pem file in this folder.' };
    }
    try {
      pem = readFileSync(join(dir, ca), 'utf8');
    } catch {
      return { problem: `"ca" names ${ca}, which cannot be read: put the file into this folder.` };
    }
  }
  const blocks = pem.match(block) ?? [];
  if (blocks.length === 0 || !blocks.every(isCertificate)) {
    return {
      problem: '"ca" holds no certificate: it must be PEM that begins with -----BEGIN CERTIFICATE-----.',
    };
  }
  return `${blocks.join('\n')}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
