/** No evidence, no execution, over SSH: the disk under the spool takes nothing while sessions run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type SshStack, startSshStack } from '../integration/ssh/ssh-stack.ts';
import { eventually } from '../integration/support/eventually.ts';
import { deafDisk, type FailingDisk, smallDisk } from '../integration/support/failing-disk.ts';
import { whenShipped } from '../integration/support/shipped.ts';
import { marksAt, unrecorded } from './ssh-marks.ts';
import { type SshWriters, startSshWriters, ways } from './ssh-writers.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe.each([
  ['is full', smallDisk],
  ['takes no byte more, for the log neither', deafDisk],
])('a disk that %s', (_, makeDisk) => {
  let disk: FailingDisk;
  let writers: SshWriters | undefined;
  const environment = () => ({ SALLYPORT_SPOOL_DIR: disk.path });
  beforeEach(async () => {
    disk = await makeDisk(sut.folder);
    await sut.stack.gateway.restart(environment());
  }, 60_000);
  afterEach(async () => {
    await writers?.stop();
    await sut.stack.gateway.stop();
    await disk.remove();
  }, 60_000);

  test('lets the target do nothing that is not recorded, tells the client, and is used again when it is well', async () => {
    const { gateway, ready } = sut.stack;
    const { host, port } = ready.gateway.ssh!;
    const pid = gateway.pid!;
    const login = { host, port, username: 'web-1', password: ready.people['dba']!.token };
    const allAnswered = (more: number) => {
      const before = { ...writers!.confirmed };
      return eventually(
        'the target answers, whichever way it is asked',
        () => ways.every(way => writers!.confirmed[way] > before[way] + more),
        60_000,
      );
    };
    writers = startSshWriters(login, sut.place);
    await allAnswered(3);

    disk.fail(pid);
    await sleep(2_000);
    const done = await marksAt(sut.place);
    const newcomer = await sut.ssh('dba', [`echo exec ${'0'.repeat(16)} >> ${sut.place}/executed`]);
    await sleep(2_000);

    expect(newcomer.code).toBe(255);
    expect(newcomer.stderr).toMatch(/Sallyport: .*(recorded|evidence|written)/i);
    expect(await marksAt(sut.place)).toEqual(done);
    expect(gateway.pid).toBe(pid);

    disk.heal!(pid);
    await allAnswered(3);
    await writers.stop();
    await gateway.stop();
    await gateway.start(environment());
    const recordings = await whenShipped(disk.path, ready.paths.recordings);

    const marks = await marksAt(sut.place);
    expect(unrecorded(marks, recordings)).toEqual([]);
    expect(recordings.flatMap(({ faults }) => faults)).toEqual([]);
    for (const way of ways) {
      const count = marks.filter(mark => mark.way === way).length;
      expect(count).toBeGreaterThanOrEqual(writers.confirmed[way]);
    }
    expect(marks.some(({ name }) => name === '0'.repeat(16))).toBe(false);
  }, 240_000);
});
