/**
 * A real sshd (OpenSSH) on the loopback address, from the machine's own program and a folder of ours: nobody
 * signs in but by a certificate of the authority that it is told to trust, and nobody but the one account.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { startChild } from './child.ts';
import { rotateLog } from './files.ts';
import { loopback } from './ports.ts';
import { type SshAccount, systemPath } from './ssh-account.ts';
import type { KeyFile } from './ssh-keys.ts';
import { type SshServer, untilGreeting } from './ssh-server.ts';

export interface SshdOptions {
  /** The program, by its whole path: sshd starts itself again for each connection. */
  readonly sshd: string;
  /** What it reads goes here; emptied first. */
  readonly folder: string;
  readonly account: SshAccount;
  readonly port: number;
  readonly logFile: string;
  /** Those with a certificate beside them (`KEY-cert.pub`) show it. */
  readonly hostKeys: readonly KeyFile[];
  /** Public key lines of authorities for users. */
  readonly userAuthorities: readonly string[];
  /** Further lines of sshd_config(5), before the others: the first value of a setting counts. */
  readonly settings?: readonly string[];
}

/** Where programs like sshd are. */
const usualPlaces = [...(process.env['PATH'] ?? '').split(delimiter), ...systemPath.split(':')];

/** The sshd of this machine; undefined where none is installed. */
export function findSshd(places: readonly string[] = usualPlaces): string | undefined {
  return places
    .filter(isAbsolute)
    .map(folder => join(folder, 'sshd'))
    .find(file => existsSync(file));
}

/** @throws Error with sshd's own words when it does not start */
export async function startSshd(options: SshdOptions): Promise<SshServer> {
  const { sshd, folder, account, port, logFile } = options;
  const config = await writeFolder(options);
  const { command, args } = account.wrap(sshd, ['-D', '-e', '-f', config]);
  const env = { PATH: systemPath };
  const check = account.wrap(sshd, ['-t', '-f', config]);
  const { status, stderr, error } = spawnSync(check.command, check.args, {
    encoding: 'utf8',
    cwd: folder,
    env,
  });
  if (status !== 0) throw new Error(`${sshd} refuses its settings: ${error?.message ?? stderr.trim()}`);
  await rotateLog(logFile);
  const child = await startChild({ command, args, cwd: folder, env, logFile, endSignal: 'SIGTERM' });
  await untilGreeting(child, port, logFile);
  return {
    port,
    child,
    stop: async () => {
      // Sessions outlive their sshd by its design; these end with it.
      const sessions = await childrenOf(child.pid);
      await child.stop(['SIGTERM'], 2000);
      for (const pid of sessions) end(pid);
    },
  };
}

async function writeFolder(options: SshdOptions): Promise<string> {
  const { folder, account, hostKeys } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const lines: string[] = [];
  for (const { file } of hostKeys) {
    const at = join(folder, basename(file));
    await copyFile(file, at);
    if (account.owner !== undefined) await chown(at, account.owner.uid, account.owner.gid);
    lines.push(`HostKey ${quoted(at)}`);
    const certificate = `${file}-cert.pub`;
    if (!existsSync(certificate)) continue;
    await copyFile(certificate, `${at}-cert.pub`);
    lines.push(`HostCertificate ${quoted(`${at}-cert.pub`)}`);
  }
  const authorities = join(folder, 'user-authorities.pub');
  await writeFile(authorities, `${options.userAuthorities.join('\n')}\n`, { mode: 0o644 });
  lines.push(`TrustedUserCAKeys ${quoted(authorities)}`);
  const config = join(folder, 'sshd_config');
  const text = [...(options.settings ?? []), ...settings(options), ...lines].join('\n');
  await writeFile(config, `${text}\n`, { mode: 0o644 });
  return config;
}

const settings = ({ port, account }: SshdOptions) => [
  `ListenAddress ${loopback}:${port}`,
  `AllowUsers ${account.name}`,
  'PidFile none',
  'LogLevel VERBOSE',
  'UsePAM no',
  'UseDNS no',
  'AuthenticationMethods publickey',
  'AuthorizedKeysFile none',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'HostbasedAuthentication no',
  'MaxAuthTries 3',
  'LoginGraceTime 20',
  'MaxStartups 100:30:200',
  'MaxSessions 64',
  'ClientAliveInterval 30',
  'ClientAliveCountMax 3',
  'PermitTTY yes',
  'PermitUserRC no',
  'AllowTcpForwarding yes',
  'AllowStreamLocalForwarding yes',
  'AllowAgentForwarding yes',
  'GatewayPorts no',
  'X11Forwarding no',
  'PermitTunnel no',
  'PrintMotd no',
  'PrintLastLog no',
  'AcceptEnv LANG LC_*',
  'Subsystem sftp internal-sftp',
];

/** A path as one word of sshd_config(5). */
const quoted = (path: string) => `"${path}"`;

/** Processes that a process has started, by proc(5); none where there is no /proc. */
async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const parent = /^\d+ \(.*\) \S (\d+) /s.exec(text)?.[1];
    if (Number(parent) === pid) found.push(Number(name));
  }
  return found;
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}
