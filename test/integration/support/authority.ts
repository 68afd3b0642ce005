import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../harness/program.ts';

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of a test's own, made with openssl(1). */
export interface Authority {
  /** Path of its certificate. */
  readonly ca: string;
  /** @param names subject alternative names, as openssl writes them: `DNS:localhost` */
  issue(commonName: string, use: 'serverAuth' | 'clientAuth', names?: readonly string[]): Promise<Pair>;
}

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const at = (file: string) => join(folder, `${name}-${file}`);
  const ca = at('ca.pem');
  const caKey = at('ca-key.pem');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  await openssl(
    ...['req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca],
    ...['-addext', 'basicConstraints=critical,CA:true', '-addext', 'keyUsage=critical,keyCertSign'],
  );
  let issued = 0;
  return {
    ca,
    issue: async (commonName, use, names = []) => {
      issued += 1;
      const pair = { cert: at(`${issued}.pem`), key: at(`${issued}-key.pem`) };
      const request = at(`${issued}.csr`);
      const extensions = at(`${issued}.ext`);
      const lines = [
        `extendedKeyUsage=${use}`,
        ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
      ];
      await writeFile(extensions, `${lines.join('\n')}\n`);
      await openssl('req', ...newKey, '-subj', `/CN=${commonName}`, '-keyout', pair.key, '-out', request);
      await openssl(
        ...['x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'],
        ...['-extfile', extensions, '-out', pair.cert],
      );
      return pair;
    },
  };
}

async function openssl(...args: string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
