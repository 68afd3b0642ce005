/**
 * The sample SSH host where the machine has no sshd that can serve it: a server of ours (ssh2's public
 * `Server`, which the gateway does not use) as a process of its own.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.ts';
import { rotateLog, writePrivateFile } from './files.ts';
import type { SshAccount } from './ssh-account.ts';
import type { FallbackSettings } from './ssh-fallback-server.ts';
import type { KeyFile } from './ssh-keys.ts';
import { type SshServer, untilGreeting } from './ssh-server.ts';

const program = fileURLToPath(new URL('ssh-fallback-server.ts', import.meta.url));

export interface FallbackOptions {
  /** What it reads goes here; emptied first. */
  readonly folder: string;
  readonly account: SshAccount;
  readonly port: number;
  readonly logFile: string;
  readonly hostKeys: readonly KeyFile[];
  /** Public key lines of authorities for users. */
  readonly userAuthorities: readonly string[];
}

/** @throws Error with its last words when it does not start */
export async function startFallback(options: FallbackOptions): Promise<SshServer> {
  const { folder, account, port, logFile } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const settings: FallbackSettings = {
    port,
    name: account.name,
    home: account.home,
    shell: account.shell,
    hostKeyFiles: options.hostKeys.map(({ file }) => file),
    userAuthorities: options.userAuthorities,
    owner: account.owner,
  };
  const file = join(folder, 'settings.json');
  await writePrivateFile(file, JSON.stringify(settings));
  await rotateLog(logFile);
  const child = await startChild({
    ...account.wrap(process.execPath, ['--disable-warning=ExperimentalWarning', program, file], 'itself'),
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    logFile,
    endSignal: 'SIGTERM',
  });
  await untilGreeting(child, port, logFile);
  return { port, child, stop: async () => void (await child.stop(['SIGTERM'], 2000)) };
}
