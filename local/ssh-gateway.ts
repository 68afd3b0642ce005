/**
 * SSH through the gateway of the embedded stack: its authorities and host keys, the sample host behind it, and
 * what clients are told about both.
 */
import { join } from 'node:path';
import { protocolNames } from '#gateway/protocols/names.ts';
import { certAuthorityLine, hostPattern, knownHostsLine, sshfpRecord } from '#lib/ssh/host-lines.ts';
import { keyAlias, signingKeys } from '../infra/signing-keys.ts';
import { deployment } from './access-keys.ts';
import type { Role } from './aws/roles.ts';
import type { Aws } from './aws/server.ts';
import type { DataFolder } from './data-folder.ts';
import { writePrivateFile } from './files.ts';
import { loopback } from './ports.ts';
import { openAuthorities } from './ssh-authorities.ts';
import { certify, type KeyFile, prepareHostKeys } from './ssh-keys.ts';
import { type SshSample, startSshSample } from './ssh-sample.ts';
import type { Ports } from './stack-ports.ts';

/** What the gateway is called by clients of this machine. */
const names = [loopback, 'localhost'];

/** Whether this gateway speaks SSH at all. */
export const speaksSsh = (protocolNames as readonly string[]).includes('ssh');

/** How clients know the gateway. */
export interface GatewaySsh {
  readonly host: string;
  readonly port: number;
  /** A line for known_hosts, of its Ed25519 key. */
  readonly hostKey: string;
  /** `-o UserKnownHostsFile=`: all of its host keys, and the authority of their certificates. */
  readonly knownHostsFile: string;
  /** The `@cert-authority` line by itself. */
  readonly authority: string;
  /** SSHFP records of its host keys, for a zone file. */
  readonly sshfp: readonly string[];
}

export interface LocalSsh {
  readonly gateway: GatewaySsh;
  readonly env: Readonly<Record<string, string>>;
  readonly sample: SshSample;
  stop(): Promise<void>;
}

export interface LocalSshParts {
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly aws: Aws;
  readonly operator: Role;
  /** Where sshd is looked for [PATH and the usual places]. */
  readonly sshdPlaces?: readonly string[];
}

export async function startLocalSsh(parts: LocalSshParts): Promise<LocalSsh> {
  const { folder, ports } = parts;
  const authorities = await openAuthorities(parts.aws, parts.operator);
  try {
    const hostKeysFolder = join(folder.path('ssh'), 'host-keys');
    const hostKeys = await prepareHostKeys(hostKeysFolder, 'sallyport');
    for (const key of hostKeys) {
      await certify(key, { kind: 'host', keyId: 'sallyport', principals: names }, authorities.sshHosts);
    }
    const sample = await startSshSample(folder, ports.sshHost, authorities, parts.sshdPlaces);
    return {
      gateway: await describeGateway(folder, ports.ssh, hostKeys, authorities.sshHosts.publicKey),
      env: {
        SALLYPORT_LISTEN_SSH: `${loopback}:${ports.ssh}`,
        SALLYPORT_SSH_HOST_KEYS: hostKeysFolder,
        [signingKeys.sshUsers.environment]: keyAlias(deployment, 'sshUsers'),
      },
      sample,
      stop: () => sample.server.stop(),
    };
  } finally {
    authorities.close();
  }
}

async function describeGateway(
  folder: DataFolder,
  port: number,
  hostKeys: readonly KeyFile[],
  authority: Parameters<typeof certAuthorityLine>[1],
): Promise<GatewaySsh> {
  const keys = hostKeys.map(({ signer }) => signer.publicKey);
  const authorityLine = certAuthorityLine(
    names.map(name => hostPattern(name, port)),
    authority,
  );
  const lines = names.flatMap(host => keys.map(key => knownHostsLine({ host, port }, key)));
  const knownHostsFile = join(folder.path('ssh'), 'known_hosts');
  await writePrivateFile(knownHostsFile, `${[authorityLine, ...lines].join('\n')}\n`, 0o644);
  return {
    host: loopback,
    port,
    hostKey: lines[0]!,
    knownHostsFile,
    authority: authorityLine,
    sshfp: keys.map(key => sshfpRecord('localhost', key)),
  };
}

/** The secret of the sample as a target: where it is, and how the gateway knows that it is it. */
export const sampleSecret = (sample: SshSample) => ({
  host: sample.host,
  port: sample.port,
  username: sample.logins[0]!,
  hostAuthorities: [sample.hostCa],
  hostKeys: sample.hostKeys,
});
