import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { certify, lineOf, prepareKey } from '#local/ssh-keys.ts';
import { sampleHostName } from '#local/ssh-sample.ts';
import { type Stack, startStack } from '#local/stack.ts';
import { cpuTimeUs, descendants } from '../process-usage.ts';
import { type SshLeg, writeSshConfig } from './leg.ts';

export interface SshStack extends AsyncDisposable {
  /** Direct first: ratios are to it. */
  readonly legs: readonly SshLeg[];
  /** A folder of the target that its account may write, and that is seen here under the same path. */
  readonly remote: string;
  /** Which half of ssh2's cryptography the gateway runs. */
  readonly cryptography: 'native' | 'javascript';
  /** Waits until what was recorded is shipped, so that a leg does not pay for the one before it. */
  settle(): Promise<void>;
  /** Removes the recordings so far: a run would otherwise leave gigabytes on the disk until its end. */
  forget(): Promise<void>;
}

export interface SshStackOptions {
  /** Temporary; others may pass through it. */
  readonly folder: string;
  /** A built gateway task; by default it is built. */
  readonly gatewayFile?: string;
  readonly profile?: string | undefined;
}

/** The embedded stack as shipped: its sshd, and the gateway with its policies and recording at `local`. */
export async function startSshStack(options: SshStackOptions): Promise<SshStack> {
  const { folder, profile } = options;
  const remote = join(folder, 'remote');
  await mkdir(remote, { recursive: true });
  await chmod(remote, 0o777);
  const config = join(folder, 'config');
  await cp(join(import.meta.dirname, '../../config'), config, { recursive: true });
  // The shipped policies let developers write below /tmp; the system's temporary folder may be another.
  await writeFile(
    join(config, 'policies/bench.cedar'),
    `@id("bench")\npermit(principal in Group::"developers", action in Action::"write", resource == Target::"${sampleHostName}")\n` +
      `when { context.object like ${JSON.stringify(`${remote}/*`)} };\n`,
  );
  const authority = await prepareKey(join(folder, 'user_ca'), 'ed25519', 'bench authority');
  const key = await prepareKey(join(folder, 'user_key'), 'ed25519', 'bench');
  await certify(key, { kind: 'user', keyId: 'bench', principals: ['bench'] }, authority.signer);
  const trusted = join(folder, 'trusted.json');
  await writeFile(
    trusted,
    JSON.stringify([{ issuer: 'urn:bench', key: lineOf(authority.signer), groups: ['developers'] }]),
  );
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  const stack = await startStack({
    dataDir: join(folder, 'sallyport'),
    config,
    gatewayEnv: {
      SALLYPORT_SSH_TRUSTED_USER_CAS: trusted,
      ...(profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` }),
    },
    ...(options.gatewayFile === undefined ? {} : { gatewayFile: options.gatewayFile }),
  });
  try {
    return await describe(stack, folder, remote, key.file, options.gatewayFile);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function describe(
  stack: Stack,
  folder: string,
  remote: string,
  keyFile: string,
  gatewayFile: string | undefined,
): Promise<SshStack> {
  const { gateway, targets, paths } = stack.ready;
  const sample = targets[sampleHostName]?.direct;
  const pid = stack.gateway.pid;
  if (sample === undefined || gateway.ssh === undefined || pid === undefined)
    throw new Error('the stack has no SSH host, or no gateway before it');
  const { host, port, knownHostsFile } = gateway.ssh;
  const through = { host, port, knownHostsFile, user: sampleHostName, keyFile };
  const pids = [pid, ...descendants(pid)];
  const legs: SshLeg[] = [
    {
      name: 'direct',
      config: await writeSshConfig(folder, 'direct', sample),
      pids: [],
      what: `${stack.ssh?.sample.about}, by itself`,
    },
    {
      name: 'sallyport',
      config: await writeSshConfig(folder, 'sallyport', through),
      pids,
      what: 'Sallyport: shipped policies, recording at `local`; gateway and shipper together',
    },
  ];
  const built = gatewayFile ?? join(paths.data, 'gateway', 'main.mjs');
  return {
    legs,
    remote,
    cryptography: cryptographyOf(built),
    settle: () => untilIdle(pids),
    forget: async () => {
      for (const name of await readdir(paths.recordings))
        await rm(join(paths.recordings, name), { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => stack.stop(),
  };
}

/** The gateway runs the native half where it lies beside its file and can be loaded: by this Node.js, the same one. */
function cryptographyOf(gatewayFile: string): 'native' | 'javascript' {
  const file = join(gatewayFile, '..', 'sshcrypto.node');
  if (!existsSync(file)) return 'javascript';
  try {
    createRequire(import.meta.url)(file);
    return 'native';
  } catch {
    return 'javascript';
  }
}

const idleMs = 250;
const idleWithinMs = 30_000;
/** In such a time an idle gateway and shipper use less. */
const idleCpuUs = 20_000;

async function untilIdle(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + idleWithinMs;
  let before = cpuTimeUs(pids);
  while (Date.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, idleMs));
    const now = cpuTimeUs(pids);
    if (now - before < idleCpuUs) return;
    before = now;
  }
  throw new Error('the gateway and its shipper do not come to rest');
}
