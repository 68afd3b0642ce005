import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { quantile } from '../../statistics.ts';
import { type Cipher, cipherNames, ciphers, timed } from '../client.ts';
import type { SshWorkload } from '../workload.ts';

const WARM_UP = 200;
const ECHOES = 1_500;
/** The target's shell makes the terminal pass bytes as they are, so that `cat` alone answers. */
const PROGRAM = 'stty raw -echo; printf R; cat';

type Client = ChildProcessByStdio<Writable, Readable, null>;

/**
 * One byte to `cat` in a terminal of the target and back, by the stock client on both legs (`ssh -tt`, driven over
 * pipes), the next one when it is here. {@link pipeEcho} is what the pipes take by themselves.
 */
const echo = (cipher: Cipher): SshWorkload => {
  const load = echoLoad(cipher);
  return {
    load,
    measure: async (leg, context) => {
      const args = ['-F', leg.config, '-tt', '-o', `Ciphers=${ciphers[cipher]}`, 'target', PROGRAM];
      const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TERM: 'xterm' };
      const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'inherit'], signal: context.signal, env });
      try {
        await answer(child);
        await echoes(child, WARM_UP);
        let found: readonly number[] = [];
        const run = await timed(leg, context, async () => {
          found = await echoes(child, ECHOES);
        });
        return [
          { quantity: 'p50', load, value: quantile(found, 0.5) },
          { quantity: 'p99', load, value: quantile(found, 0.99) },
          ...(leg.pids.length === 0
            ? []
            : [{ quantity: 'cpuPerEcho', load, value: run.cpuUs / ECHOES } as const]),
        ];
      } finally {
        await end(child);
      }
    },
  };
};

export const echoLoad = (cipher: Cipher) => `echo, ${cipher}`;

export const echoWorkloads: readonly SshWorkload[] = cipherNames.map(echo);
export const echoLoads = echoWorkloads.map(each => each.load);

/** The same through `cat` on this machine, without SSH: p50 in microseconds. */
export async function pipeEcho(signal: AbortSignal): Promise<number> {
  const child = spawn('cat', [], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  try {
    await echoes(child, WARM_UP);
    return quantile(await echoes(child, ECHOES), 0.5);
  } finally {
    await end(child);
  }
}

/** @returns what each took, in microseconds */
async function echoes(child: Client, count: number): Promise<number[]> {
  const found: number[] = [];
  const byte = Buffer.from('x');
  for (let done = 0; done < count; done += 1) {
    const began = performance.now();
    child.stdin.write(byte);
    const bytes = await answer(child);
    found.push((performance.now() - began) * 1000);
    if (bytes.length !== 1) throw new Error(`one byte was sent, ${bytes.length} came back`);
  }
  return found;
}

/** @throws Error when the program ends instead */
async function answer(child: Client): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      child.stdout.off('data', onData);
      child.off('close', onClose);
      then();
    };
    const onData = (bytes: Buffer) => settle(() => resolve(bytes));
    const onClose = () => settle(() => reject(new Error('the client ended before it answered')));
    child.stdout.on('data', onData);
    child.on('close', onClose);
  });
}

async function end(child: Client): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close').catch(() => {});
  child.kill('SIGTERM');
  await closed;
}
