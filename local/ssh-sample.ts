/**
 * The sample SSH host, `web-1`: the machine's sshd where there is one that can run here, else a server of ours.
 * It has its own host keys and an authority that vouches for them, and trusts the gateway's authority for users.
 */
import { join } from 'node:path';
import { certAuthorityLine, hostPattern, knownHostsLine } from '#lib/ssh/host-lines.ts';
import type { DataFolder } from './data-folder.ts';
import { writePrivateFile } from './files.ts';
import { loopback } from './ports.ts';
import { sshAccount } from './ssh-account.ts';
import type { SshAuthorities } from './ssh-authorities.ts';
import { certify, lineOf, prepareHostKeys, prepareKey } from './ssh-keys.ts';
import { findSshd, type SshServer, startSshd } from './ssh-sshd.ts';

/** Its name as a target, and in its host certificates. */
export const sampleHostName = 'web-1';

export interface SshSample {
  readonly host: string;
  readonly port: number;
  /** Accounts that can be logged in to. */
  readonly logins: readonly string[];
  /** Public key line of the authority of its host certificates. */
  readonly hostCa: string;
  /** Public key lines. */
  readonly hostKeys: readonly string[];
  /** The way round the gateway. */
  readonly direct: SshDirect;
  /** What it is and as whom people get in, for the screen. */
  readonly about: string;
  readonly server: SshServer;
}

/** What a stock ssh needs to reach the sample itself. */
export interface SshDirect {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `-i`; the certificate lies beside it, where ssh looks for it. */
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly knownHostsFile: string;
}

/** @returns a reason, in words, where no sample can run on this machine */
export async function startSshSample(
  folder: DataFolder,
  port: number,
  authorities: SshAuthorities,
): Promise<SshSample | string> {
  const keys = join(folder.path('ssh'), sampleHostName);
  const hostKeys = await prepareHostKeys(keys, sampleHostName);
  const hostCa = await prepareKey(join(keys, 'host_ca_key'), 'ed25519', `hosts of ${sampleHostName}`);
  const principals = [sampleHostName, 'localhost', loopback];
  for (const key of hostKeys) {
    await certify(key, { kind: 'host', keyId: sampleHostName, principals }, hostCa.signer);
  }
  const account = await sshAccount(folder.sshHost);
  if (typeof account === 'string') return account;
  const sshd = findSshd();
  if (sshd === undefined) return 'no sshd is installed (Debian, Ubuntu: apt-get install openssh-server)';
  const server = await startSshd({
    sshd,
    account,
    folder: join(folder.sshHost, 'server'),
    port,
    logFile: join(folder.path('logs'), 'ssh-host.log'),
    hostKeys,
    userAuthorities: [lineOf(authorities.sshUsers)],
  });
  const knownHosts = [
    certAuthorityLine([hostPattern(loopback, port)], hostCa.signer.publicKey),
    ...hostKeys.map(({ signer }) => knownHostsLine({ host: loopback, port }, signer.publicKey)),
  ];
  return {
    host: loopback,
    port,
    logins: [account.name],
    hostCa: lineOf(hostCa.signer),
    hostKeys: hostKeys.map(({ signer }) => lineOf(signer)),
    direct: await prepareDirect(keys, { host: loopback, port, user: account.name }, knownHosts, authorities),
    about: `the sshd of this machine lets people in ${account.about}`,
    server,
  };
}

/** A key of its own with a certificate, so that the sample can be measured without the gateway. */
async function prepareDirect(
  folder: string,
  login: { readonly host: string; readonly port: number; readonly user: string },
  knownHosts: readonly string[],
  authorities: SshAuthorities,
): Promise<SshDirect> {
  const key = await prepareKey(join(folder, 'direct_key'), 'ed25519', 'direct');
  const certificateFile = await certify(
    key,
    {
      kind: 'user',
      keyId: 'direct',
      principals: [login.user],
      extensions: { 'permit-pty': '', 'permit-port-forwarding': '', 'permit-agent-forwarding': '' },
    },
    authorities.sshUsers,
  );
  const knownHostsFile = join(folder, 'known_hosts');
  await writePrivateFile(knownHostsFile, `${knownHosts.join('\n')}\n`, 0o644);
  return { ...login, keyFile: key.file, certificateFile, knownHostsFile };
}
