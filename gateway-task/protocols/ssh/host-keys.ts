import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostKey } from 'ssh2/lib/protocol/Protocol.js';
import { SshReader } from '#lib/ssh/data-types.ts';
import { readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import { type LocalSigner, readPrivateKey } from '#lib/ssh/private-key.ts';
import type { OwnHostKey } from './wire/transport.ts';

/** Those that a client is shown, the preferred one first. */
const kinds = ['ssh-ed25519', 'ecdsa-sha2-nistp256'];

/**
 * The gateway's host keys, from the files `*_key` of a folder; `NAME_key-cert.pub` is its certificate. Throws a
 * plain `Error` that says which file is wrong: the task does not start without them.
 */
export async function loadHostKeys(folder: string): Promise<OwnHostKey[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('_key')).sort();
  const keys: OwnHostKey[] = [];
  for (const name of names) {
    try {
      const signer = readPrivateKey(await readFile(join(folder, name), 'utf8'));
      keys.push({ key: hostKeyOf(signer), certificate: await certificateBeside(join(folder, name)) });
    } catch (cause) {
      throw new Error(`${join(folder, name)} cannot be used as a host key`, { cause });
    }
  }
  const usable = kinds.flatMap(kind => keys.filter(({ key }) => key.type === kind));
  if (usable.length === 0) {
    throw new Error(
      `${folder} has no host key: make one with ssh-keygen -t ed25519 -N '' -f ${join(folder, 'ed25519_key')}`,
    );
  }
  return usable;
}

async function certificateBeside(path: string): Promise<Buffer | undefined> {
  const line = await readFile(`${path}-cert.pub`, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return undefined;
    throw fault;
  });
  if (line === undefined) return undefined;
  return Buffer.from(line.split(' ')[1] ?? '', 'base64');
}

function hostKeyOf(signer: LocalSigner): HostKey {
  return {
    type: signer.publicKey.type,
    getPublicSSH: () => signer.publicKey.blob,
    sign: data => {
      // The transport writes the algorithm's name itself.
      const reader = new SshReader(signer.sign(data));
      reader.string();
      return reader.string();
    },
  };
}

/** The keys of lines as in a `.pub` file; comments and empty lines are passed over. */
export function readKeyLines(lines: readonly string[]) {
  return lines
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => readAuthorizedKeyLine(line).key);
}
