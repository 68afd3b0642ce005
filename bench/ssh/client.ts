import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cpuTimeUs } from '../process-usage.ts';
import type { SshLeg } from './leg.ts';
import type { SshContext } from './workload.ts';

const run = promisify(execFile);
const limitMs = 300_000;

export const ciphers = {
  'aes128-gcm': 'aes128-gcm@openssh.com',
  /** What OpenSSH's client asks for first. */
  chacha20: 'chacha20-poly1305@openssh.com',
} as const;
export type Cipher = keyof typeof ciphers;
export const cipherNames = Object.keys(ciphers) as Cipher[];

/** What one run of a client took. */
export interface SshRun {
  /** From the program's start to its end, sign-in included. */
  readonly seconds: number;
  /** What the gateway used till it came to rest, and the shipper with it; 0 for the direct leg. */
  readonly cpuUs: number;
  /** The gateway's part of it. */
  readonly gatewayCpuUs: number;
}

/** Runs a stock program over a leg. @throws Error with its words when it fails */
export async function runStock(
  program: 'ssh' | 'scp' | 'sftp',
  leg: SshLeg,
  args: readonly string[],
  context: SshContext,
): Promise<SshRun> {
  return timed(leg, context, () =>
    run(program, ['-F', leg.config, ...args], {
      cwd: context.folder,
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      signal: context.signal,
      timeout: limitMs,
      maxBuffer: 16 * 1024 * 1024,
    }),
  );
}

export async function timed(
  leg: SshLeg,
  context: SshContext,
  action: () => Promise<unknown>,
): Promise<SshRun> {
  const gateway = leg.pids.slice(0, 1);
  const [cpu, own] = [cpuTimeUs(leg.pids), cpuTimeUs(gateway)];
  const began = performance.now();
  await action();
  const seconds = (performance.now() - began) / 1000;
  if (leg.pids.length > 0) await context.settle();
  return { seconds, cpuUs: cpuTimeUs(leg.pids) - cpu, gatewayCpuUs: cpuTimeUs(gateway) - own };
}
