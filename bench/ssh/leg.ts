import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LegName } from '../legs/leg.ts';

/** How stock clients reach the sample's sshd: without anything in between, or through the gateway. */
export interface SshLeg {
  readonly name: Extract<LegName, 'direct' | 'sallyport'>;
  /** ssh_config(5) for `-F`: the host is called `target`. */
  readonly config: string;
  /** The gateway and its shipper; none for the direct leg. */
  readonly pids: readonly number[];
  /** In one line, what it is. */
  readonly what: string;
}

export interface SshEndpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Its certificate lies beside it. */
  readonly keyFile: string;
  readonly knownHostsFile: string;
}

/** Both legs sign in by an OpenSSH certificate of an Ed25519 key, so that what they do differs in nothing else. */
export async function writeSshConfig(
  folder: string,
  name: SshLeg['name'],
  endpoint: SshEndpoint,
): Promise<string> {
  const settings = {
    HostName: endpoint.host,
    Port: endpoint.port,
    User: endpoint.user,
    IdentityFile: endpoint.keyFile,
    CertificateFile: `${endpoint.keyFile}-cert.pub`,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    UserKnownHostsFile: endpoint.knownHostsFile,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    PreferredAuthentications: 'publickey',
    BatchMode: 'yes',
    ControlMaster: 'no',
    Compression: 'no',
    // OpenSSH 9.5 sends keys at a fixed beat, which hides what an echo takes.
    IgnoreUnknown: 'ObscureKeystrokeTiming',
    ObscureKeystrokeTiming: 'no',
  };
  const file = join(folder, `ssh-config-${name}`);
  const lines = Object.entries(settings).map(([key, value]) => `  ${key} ${value}`);
  await writeFile(file, `Host target\n${lines.join('\n')}\n`);
  return file;
}
