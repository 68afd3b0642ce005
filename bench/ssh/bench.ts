/**
 * `npm run bench -- ssh`: what Sallyport costs SSH, against a direct connection to the same sshd, in one run on one
 * machine. Loopback only; everything it starts and writes goes away with it, but for the result.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judge } from '../goals.ts';
import { machine } from '../machine.ts';
import { summarise } from '../summary.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { quantities, type Sample } from '../workloads/workload.ts';
import { sshChart } from './chart.ts';
import { sshGoals } from './goals.ts';
import type { SshGroup, SshOptions } from './options.ts';
import { sshReport } from './report.ts';
import { type SshStack, startSshStack } from './stack.ts';
import type { SshContext, SshWorkload } from './workload.ts';
import { echoWorkloads, pipeEcho } from './workloads/echo.ts';
import { sshSignIns } from './workloads/set-up.ts';
import { smallFileTransfers } from './workloads/small-files.ts';
import { transfers, writeLargeFile } from './workloads/transfer.ts';

const ROOT = join(import.meta.dirname, '../..');

const plan: Readonly<Record<SshGroup, readonly SshWorkload[]>> = {
  'set-up': sshSignIns,
  echo: echoWorkloads,
  'small-files': smallFileTransfers,
  transfer: transfers,
};

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Every load over both legs, one after the other, again each round; the legs take turns at going first. */
export async function measureSsh(
  stack: Pick<SshStack, 'legs' | 'forget'>,
  options: Pick<SshOptions, 'rounds' | 'only'>,
  context: SshContext,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    say(`round ${round} of ${options.rounds}`);
    const turn = round % 2 === 0 ? stack.legs.toReversed() : stack.legs;
    for (const workload of options.only.flatMap(group => plan[group])) {
      for (const leg of turn) {
        context.signal.throwIfAborted();
        const found = await workload.measure(leg, context);
        samples.push(...found.map(each => ({ ...each, leg: leg.name, round })));
      }
    }
    await stack.forget();
  }
  return samples;
}

export async function benchSsh(options: SshOptions, command: string, signal: AbortSignal): Promise<void> {
  const facts = await machine();
  await using folder = await temporaryFolder('bench');
  say('starting the stack');
  await using stack = await startSshStack({ folder: folder.path, profile: options.profile });
  const bytes = options.mebibytes * 1024 * 1024;
  const context = { folder: folder.path, remote: stack.remote, bytes, signal, settle: stack.settle };
  if (options.only.includes('transfer')) await writeLargeFile(context);
  say('warming up');
  for (const leg of stack.legs) for (const workload of sshSignIns) await workload.measure(leg, context);
  const pipeUs = options.only.includes('echo') ? await pipeEcho(signal) : null;
  const startedAt = new Date().toISOString();
  const samples = await measureSsh(stack, options, context);

  const summary = summarise(samples);
  const judgements = judge(summary, sshGoals);
  console.log(`${sshReport(summary, judgements)}\n`);
  const results = join(ROOT, 'bench/results');
  await mkdir(results, { recursive: true });
  const file = join(results, `${options.name}.json`);
  const result = {
    startedAt,
    command,
    machine: facts,
    cryptography: stack.cryptography,
    largeFileBytes: bytes,
    pipeEchoP50Us: pipeUs,
    legs: Object.fromEntries(stack.legs.map(leg => [leg.name, leg.what])),
    units: quantities,
    goals: judgements,
    samples,
  };
  await writeFile(file, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`result: ${file}`);
  const picture = options.whole ? join(ROOT, 'docs/bench-ssh.svg') : join(results, `${options.name}.svg`);
  await writeFile(picture, sshChart(summary, facts, command));
  console.log(`chart: ${picture}`);
  for (const leg of stack.legs) console.log(`${leg.name}: ${leg.what}`);
  console.log(`ssh2's cryptography in the gateway: ${stack.cryptography}`);
  if (pipeUs !== null) console.log(`an echo over the bench's pipes alone: ${pipeUs.toFixed(0)} us`);
}
