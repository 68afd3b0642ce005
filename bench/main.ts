/**
 * `npm run bench`: what Sallyport costs, against a direct connection and against others, in one run on one
 * machine. Loopback only; everything it starts and writes goes away with it, but for the result.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chart } from './chart.ts';
import { judge } from './goals.ts';
import { startLeg } from './legs/index.ts';
import type { Leg } from './legs/leg.ts';
import { machine } from './machine.ts';
import { type Group, type Options, readOptions, USAGE } from './options.ts';
import { report } from './report.ts';
import { benchSsh } from './ssh/bench.ts';
import { readSshOptions, SSH_USAGE } from './ssh/options.ts';
import { summarise } from './summary.ts';
import { startTarget } from './target.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { bulk } from './workloads/bulk.ts';
import { memory, peakMemory } from './workloads/memory.ts';
import { selectOnly } from './workloads/select-only.ts';
import { idleSessions, signIns } from './workloads/sessions.ts';
import { quantities, type Sample, type Workload, type WorkloadContext } from './workloads/workload.ts';

const ROOT = join(import.meta.dirname, '..');

/** In this order: what memory grows by is measured before load has grown the heaps, and their peak at the end. */
const cold: Plan = [
  ['sessions', idleSessions],
  ['memory', memory],
];
const warm: Plan = [
  ['sessions', signIns],
  ['select-only', selectOnly],
  ['bulk', bulk],
  ['memory', peakMemory],
];
type Plan = readonly (readonly [Group, readonly Workload[]])[];

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Every load over every leg, leg after leg, again each round; the legs take turns at going first. */
async function measure(legs: readonly Leg[], options: Options, context: WorkloadContext): Promise<Sample[]> {
  const samples: Sample[] = [];
  const run = async (plan: Plan) => {
    for (const [group, loads] of plan) {
      if (!options.only.includes(group)) continue;
      for (let round = 1; round <= options.rounds; round++) {
        const due = loads.filter(workload => round === 1 || !workload.once);
        if (due.length > 0) say(`${group}, round ${round} of ${options.rounds}`);
        const turn = [...legs.slice(round % legs.length), ...legs.slice(0, round % legs.length)];
        for (const workload of due) {
          for (const leg of turn) {
            if (workload.needsProxy && leg.pids.length === 0) continue;
            context.signal.throwIfAborted();
            const found = await workload.measure(leg, context);
            samples.push(...found.map(each => ({ ...each, leg: leg.name, round })));
          }
        }
      }
    }
  };
  await run(cold);
  for (const leg of legs) {
    say(`warming up: ${leg.name}`);
    for (const workload of selectOnly) await workload.measure(leg, { ...context, seconds: 1 });
  }
  await run(warm);
  return samples;
}

async function bench(options: Options, command: string, signal: AbortSignal): Promise<void> {
  const facts = await machine();
  await using folder = await temporaryFolder('bench');
  say('starting the target and what stands before it');
  await using running = await startTarget(folder.path);
  const places = { target: running.target, folder: folder.path, cache: join(ROOT, '.cache') };
  await using started = new AsyncDisposableStack();
  const legs: Leg[] = [];
  for (const name of options.legs) {
    signal.throwIfAborted();
    legs.push(started.use(await startLeg[name](places)));
  }
  const { seconds } = options;
  const context = {
    target: running.target,
    folder: folder.path,
    seconds,
    bulkBytes: running.bulkBytes,
    signal,
  };
  const startedAt = new Date().toISOString();
  const samples = await measure(legs, options, context);

  const summary = summarise(samples);
  const judgements = judge(summary);
  console.log(`${report(summary, judgements)}\n`);
  const results = join(ROOT, 'bench/results');
  await mkdir(results, { recursive: true });
  const file = join(results, `${options.name}.json`);
  const what = Object.fromEntries(legs.map(leg => [leg.name, leg.what]));
  const result = {
    startedAt,
    command,
    machine: facts,
    legs: what,
    units: quantities,
    goals: judgements,
    samples,
  };
  await writeFile(file, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`result: ${file}`);
  const picture = options.whole ? join(ROOT, 'docs/bench.svg') : join(results, `${options.name}.svg`);
  await writeFile(picture, chart(summary, facts, command));
  console.log(`chart: ${picture}`);
  for (const leg of legs) console.log(`${leg.name}: ${leg.what}`);
}

const args = process.argv.slice(2);
const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stopped.abort(new Error(`stopped by ${name}`)));
}
const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
try {
  if (args[0] === 'ssh') {
    const options = readSshOptions(args.slice(1));
    if (options === 'help') console.log(SSH_USAGE);
    else await benchSsh(options, command, stopped.signal);
  } else {
    const options = readOptions(args);
    if (options === 'help') console.log(USAGE);
    else await bench(options, command, stopped.signal);
  }
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
