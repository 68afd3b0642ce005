/** No evidence, no execution: the gateway is killed under load, at moments that nobody chooses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../integration/support/eventually.ts';
import { sqlStateOf, withClient } from '../integration/support/login.ts';
import { whenShipped } from '../integration/support/shipped.ts';
import { compare, readTargetLog } from '../integration/support/target-log.ts';
import { startTestStack, type TestStack } from '../integration/support/test-stack.ts';
import { startWriters } from '../integration/support/writers.ts';

const kills = process.env['SALLYPORT_LONG'] === '1' ? 200 : 10;
/** Which moments; another run of the same seed kills after the same waits. */
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000);
const longestWaitMs = 400;

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

test(
  `what the target executed is in the recordings, after ${kills} times SIGKILL (seed ${seed})`,
  async () => {
    const { gateway, postgres, ready } = sut.stack;
    const random = numbers(seed);
    await withClient(sut.login('dba'), client => client.query('CREATE TABLE written (id text PRIMARY KEY)'));
    const writers = startWriters(sut.login('dba'), 'written', 8);

    for (let kill = 0; kill < kills; kill += 1) {
      const before = writers.confirmed.size;
      await eventually('the writers write', () => writers.confirmed.size > before + 5, 30_000);
      await sleep(random() * longestWaitMs);
      await gateway.kill();
      await gateway.start();
    }
    await writers.stop();

    const recordings = await whenShipped(ready.paths.spool, ready.paths.recordings);
    const log = await readTargetLog(postgres.logFile);
    const { executed, unrecorded } = compare(log, sut.direct().user, recordings);
    expect(unrecorded).toEqual([]);
    expect(recordings.flatMap(({ id, faults }) => faults.map(fault => `${id}: ${fault}`))).toEqual([]);

    // The measure measures: much was executed, all that was confirmed is there, and statements were cut off.
    const { rows } = await withClient(sut.direct(), client => client.query('SELECT id FROM written'));
    const written = new Set(rows.map(row => row.id as string));
    expect([...writers.confirmed].filter(id => !written.has(id))).toEqual([]);
    expect(executed.length).toBeGreaterThan(kills * 5);
    expect(executed.length).toBeGreaterThanOrEqual(written.size);
    expect(writers.sent).toBeGreaterThan(writers.confirmed.size);
    const lost = recordings.filter(({ end }) => end === undefined);
    expect(lost.length).toBeGreaterThanOrEqual(kills);
    // One recording less, and the comparison says so.
    const busiest = recordings.toSorted((one, other) => other.commands.length - one.commands.length)[0]!;
    expect(
      compare(
        log,
        sut.direct().user,
        recordings.filter(one => one !== busiest),
      ).unrecorded.length,
    ).toBeGreaterThan(0);
  },
  kills * 15_000 + 120_000,
);

test('after that the gateway is as good as new', async () => {
  // The stand-ins live in this process, which the comparison has kept busy: the first answer may come too late.
  await eventually('a session opens', async () => {
    const state = await sqlStateOf(withClient(sut.login('dev'), client => client.query('SELECT 1')));
    return state === undefined;
  });
});

/** Numbers from 0 up to 1 that follow from the seed (mulberry32). */
function numbers(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
