import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bytesOf, Recordings, read } from '../support/recordings.ts';
import { messageOf } from './recording-messages.ts';

const rounds = process.env['SALLYPORT_LONG'] === '1' ? 300 : 30;
const here = import.meta.dirname;
const node = process.execPath;

let recordings: Recordings;
const started = new Set<ChildProcess>();
beforeEach(() => {
  recordings = new Recordings();
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  recordings.remove();
});

/** What the sessions of one writer were told is durable. */
interface Told {
  readonly open: Set<string>;
  readonly messages: Map<string, number>;
  readonly ended: Set<string>;
  /** Process ids of the shippers that it had, newest last. */
  readonly shippers: number[];
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(node, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.add(child);
  child.on('exit', () => started.delete(child));
  child.stdin?.on('error', () => {});
  return child;
}

function startWriter(...more: string[]): { child: ChildProcess; told: Told; closed: Promise<unknown> } {
  const child = start([
    join(here, 'recording-writer.ts'),
    ...['--spool', recordings.spoolDir, '--recordings', recordings.recordingsDir],
    ...more,
  ]);
  const told: Told = { open: new Set(), messages: new Map(), ended: new Set(), shippers: [] };
  let rest = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const [kind, id, count] of lines.map(line => line.split(' ') as [string, string, string?])) {
      if (kind === 'o') told.open.add(id);
      else if (kind === 'd') told.messages.set(id, Number(count));
      else if (kind === 'e') told.ended.add(id);
      else if (told.shippers.at(-1) !== Number(id)) told.shippers.push(Number(id));
    }
  });
  return { child, told, closed: once(child, 'close') };
}

const startShipper = (): ChildProcess =>
  start([
    join(here, '../../gateway-task/recording/shipper/main.ts'),
    ...['--spool', recordings.spoolDir, '--recordings', recordings.recordingsDir],
  ]);

/** Ships all that is left, by a shipper whose gateway is gone. */
async function shipRest(): Promise<void> {
  const shipper = startShipper();
  shipper.stdin!.end();
  const [code] = await once(shipper, 'exit');
  expect(code).toBe(0);
}

const spools = (): string[] => readdirSync(recordings.spoolDir).filter(name => !name.endsWith('.lock'));

/** All that was told is in the recordings, which hold, and every session has its one end. */
async function expectPromisesKept({ open, messages, ended }: Told): Promise<void> {
  for (const id of open) {
    const reading = await read(recordings.source(id));
    expect({ id, faults: reading.faults.map(String) }).toEqual({ id, faults: [] });
    expect(reading.summary.final).toBe(true);
    const expected = Buffer.concat(
      Array.from({ length: messages.get(id) ?? 0 }, (_, index) => messageOf(id, index)),
    );
    const found = bytesOf(reading, 'clientBytes');
    expect({ id, equal: found.subarray(0, expected.length).equals(expected) }).toEqual({ id, equal: true });
    const ends = reading.records.filter(({ type }) => type === 'end').length;
    expect(ends).toBeLessThanOrEqual(1);
    if (ended.has(id)) expect(ends).toBe(1);
  }
}

describe('whatever is killed', () => {
  test(`at any moment, ${rounds} times: what was told to be durable is in the recording`, async () => {
    const all: Told[] = [];
    for (let round = 0; round < rounds; round++) {
      const { child, told, closed } = startWriter(...(round % 5 === 4 ? ['--fsync'] : []));
      let shipper = startShipper();
      while (told.open.size === 0) await sleep(5);
      const until = performance.now() + Math.random() * 600;
      while (performance.now() < until) {
        await sleep(Math.random() * 300);
        // More often than not the shipper is killed too, and another one takes over.
        if (Math.random() < 0.6) {
          shipper.kill('SIGKILL');
          await once(shipper, 'exit');
          shipper = startShipper();
        }
      }
      child.kill('SIGKILL');
      await closed;
      shipper.kill('SIGKILL');
      await once(shipper, 'exit');
      all.push(told);
      // Now and then what is left waits for the shipper of a later round.
      if (round % 3 === 2) await shipRest();
    }
    await shipRest();

    expect(spools()).toEqual([]);
    expect(all.reduce((sum, { open }) => sum + open.size, 0)).toBeGreaterThan(rounds);
    for (const told of all) await expectPromisesKept(told);
  }, 3_600_000);
});

describe('the shipper of a gateway', () => {
  test('is started again when it dies', async () => {
    const { child, told, closed } = startWriter('--shipper');

    while (told.open.size === 0) await sleep(20);
    const first = told.shippers[0]!;
    process.kill(first, 'SIGKILL');
    while ((told.shippers.at(-1) ?? 0) === 0 || told.shippers.at(-1) === first) await sleep(20);
    child.kill('SIGKILL');
    await closed;
    while (spools().length > 0) await sleep(50);

    await expectPromisesKept(told);
  }, 60_000);

  test('outlives it, ships what it left, ends its sessions as lost, and then is gone itself', async () => {
    const { child, told, closed } = startWriter('--shipper');
    while (told.messages.size < 6) await sleep(20);

    child.kill('SIGKILL');
    await closed;
    const shipper = told.shippers.at(-1)!;
    while (isRunning(shipper)) await sleep(50);

    expect(spools()).toEqual([]);
    await expectPromisesKept(told);
    const open = [...told.open].filter(id => !told.ended.has(id));
    expect(open.length).toBeGreaterThan(0);
    for (const id of open) {
      const manifest = (await recordings.source(id).read('session.json', 1e6)).toString();
      expect(JSON.parse(manifest)).toMatchObject({ end: { how: 'lost' } });
    }
  }, 60_000);

  test('is never one of two at work: the second waits until the first is gone', async () => {
    const { child, told, closed } = startWriter();
    const [first, second] = [startShipper(), startShipper()];
    while (told.messages.size < 6) await sleep(20);

    first.stdin!.end();
    second.stdin!.end();
    child.kill('SIGKILL');
    await closed;
    const codes = await Promise.all([once(first, 'exit'), once(second, 'exit')]);

    expect(codes.map(([code]) => code)).toEqual([0, 0]);
    expect(spools()).toEqual([]);
    await expectPromisesKept(told);
  }, 60_000);

  test('is not ended by what a terminal sends to the gateway', async () => {
    const { child, told, closed } = startWriter();
    const shipper = startShipper();
    // It listens to signals before it makes the folder.
    while (told.messages.size < 6 || !existsSync(recordings.recordingsDir)) await sleep(20);

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) shipper.kill(signal);
    await sleep(100);
    expect(shipper.exitCode ?? shipper.signalCode).toBeNull();
    child.kill('SIGKILL');
    await closed;
    shipper.stdin!.end();
    await once(shipper, 'exit');

    await expectPromisesKept(told);
  }, 60_000);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
