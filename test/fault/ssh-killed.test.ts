/** No evidence, no execution, over SSH: the gateway is killed under load, at moments that nobody chooses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type SshStack, startSshStack } from '../integration/ssh/ssh-stack.ts';
import { eventually } from '../integration/support/eventually.ts';
import { whenShipped } from '../integration/support/shipped.ts';
import { marksAt, unrecorded } from './ssh-marks.ts';
import { startSshWriters, ways } from './ssh-writers.ts';

const kills = process.env['SALLYPORT_LONG'] === '1' ? 100 : 6;
const longestWaitMs = 400;

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

test(
  `what the target was asked to do is in the recordings, after ${kills} times SIGKILL`,
  async () => {
    const { gateway, ready } = sut.stack;
    const { host, port } = ready.gateway.ssh!;
    const login = { host, port, username: 'web-1', password: ready.people['dba']!.token };
    const writers = startSshWriters(login, sut.place);

    for (let kill = 0; kill < kills; kill += 1) {
      const before = { ...writers.confirmed };
      await eventually(
        'the target answers, whichever way it is asked',
        () => ways.every(way => writers.confirmed[way] > before[way] + 2),
        150_000,
      ).catch(error => {
        throw new Error(JSON.stringify(writers), { cause: error });
      });
      await sleep(Math.random() * longestWaitMs);
      await gateway.kill();
      await gateway.start();
    }
    await writers.stop();

    const recordings = await whenShipped(ready.paths.spool, ready.paths.recordings);
    const marks = await marksAt(sut.place);
    expect(unrecorded(marks, recordings)).toEqual([]);
    expect(recordings.flatMap(({ id, faults }) => faults.map(fault => `${id}: ${fault}`))).toEqual([]);

    // The measure measures: much was done in every way, and it was cut off.
    for (const way of ways) {
      const done = marks.filter(mark => mark.way === way).length;
      expect(done).toBeGreaterThanOrEqual(writers.confirmed[way]);
      expect(done).toBeGreaterThan(kills * 2);
    }
    expect(recordings.filter(({ end }) => end === undefined).length).toBeGreaterThanOrEqual(kills);
    // One recording less, and the comparison says so.
    const busiest = recordings.toSorted((one, other) => other.commands.length - one.commands.length)[0]!;
    const others = recordings.filter(one => one !== busiest);
    expect(unrecorded(marks, others).length).toBeGreaterThan(0);
  },
  kills * 60_000 + 120_000,
);
