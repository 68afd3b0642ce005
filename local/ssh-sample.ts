/**
 * The sample SSH host, `web-1`: the machine's sshd where there is one that can run here, else a server of ours.
 * It has its own host keys and an authority that vouches for them, and trusts the gateway's authority for users.
 */
import { join } from 'node:path';
import { certAuthorityLine, hostPattern, knownHostsLine } from '#lib/ssh/host-lines.ts';
import type { DataFolder } from './data-folder.ts';
import { writePrivateFile } from './files.ts';
import { loopback } from './ports.ts';
import { type SshAccount, sshAccount } from './ssh-account.ts';
import type { SshAuthorities } from './ssh-authorities.ts';
import { startFallback } from './ssh-fallback.ts';
import { certify, lineOf, prepareHostKeys, prepareKey } from './ssh-keys.ts';
import type { SshServer } from './ssh-server.ts';
import { findSshd, startSshd } from './ssh-sshd.ts';

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

/** @param sshdPlaces where sshd is looked for [PATH and the usual places] */
export async function startSshSample(
  folder: DataFolder,
  port: number,
  authorities: SshAuthorities,
  sshdPlaces?: readonly string[],
): Promise<SshSample> {
  const keys = join(folder.path('ssh'), sampleHostName);
  const hostKeys = await prepareHostKeys(keys, sampleHostName);
  const hostCa = await prepareKey(join(keys, 'host_ca_key'), 'ed25519', `hosts of ${sampleHostName}`);
  const principals = [sampleHostName, 'localhost', loopback];
  for (const key of hostKeys) {
    await certify(key, { kind: 'host', keyId: sampleHostName, principals }, hostCa.signer);
  }
  const account = await sshAccount(folder.sshHost);
  const options = {
    account,
    folder: join(folder.sshHost, 'server'),
    port,
    logFile: join(folder.path('logs'), 'ssh-host.log'),
    hostKeys,
    userAuthorities: [lineOf(authorities.sshUsers)],
  };
  const sshd = account.sshdProblem === undefined ? findSshd(sshdPlaces) : undefined;
  const server = await (sshd === undefined ? startFallback(options) : startSshd({ ...options, sshd }));
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
    about: `${sshd === undefined ? standIn(account) : 'the sshd of this machine'} lets people in ${account.about}`,
    server,
  };
}

/** What is said of the fallback, with the way to the real one. */
const standIn = ({ sshdProblem }: SshAccount) =>
  sshdProblem === undefined
    ? 'no sshd is installed here (Debian, Ubuntu: apt-get install openssh-server), so a stand-in for it'
    : `a stand-in for sshd (${sshdProblem})`;

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
