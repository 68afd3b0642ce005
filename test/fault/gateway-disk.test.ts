/** No evidence, no execution: the disk under the spool fails while sessions run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../integration/support/eventually.ts';
import { brokenDisk, deafDisk, type FailingDisk, smallDisk } from '../integration/support/failing-disk.ts';
import { openClient, sqlStateOf, withClient } from '../integration/support/login.ts';
import { whenShipped } from '../integration/support/shipped.ts';
import { compare, readTargetLog } from '../integration/support/target-log.ts';
import { startTestStack, type TestStack } from '../integration/support/test-stack.ts';
import { startWriters, type Writers } from '../integration/support/writers.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
  await withClient(sut.login('dba'), client => client.query('CREATE TABLE written (id text PRIMARY KEY)'));
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe.each([
  ['is full', smallDisk],
  ['has become read-only', brokenDisk],
  ['takes no byte more, for the log neither', deafDisk],
])('a disk that %s', (_, makeDisk) => {
  let disk: FailingDisk;
  let writers: Writers;
  const environment = () => ({
    SALLYPORT_SPOOL_DIR: disk.path,
    // A disk with errors forgets what its kernel had not written yet.
    SALLYPORT_SPOOL_FSYNC: makeDisk === brokenDisk ? 'on' : 'off',
  });
  beforeEach(async () => {
    disk = await makeDisk(sut.folder);
    await sut.stack.gateway.restart(environment());
  });
  afterEach(async () => {
    await writers?.stop();
    await sut.stack.gateway.stop();
    await disk.remove();
  });

  test('lets nothing run that is not recorded, and is used again when it is well', async () => {
    const { gateway, postgres, ready } = sut.stack;
    const pid = gateway.pid!;
    writers = startWriters(sut.login('dba'), 'written', 6);
    const idle = await openClient(sut.login('dba'), { query_timeout: 5_000 });
    await eventually('the writers write', () => writers.confirmed.size > 20, 30_000);

    disk.fail(pid);
    const state = await eventually('a statement is refused', () =>
      sqlStateOf(idle.query('INSERT INTO written VALUES (gen_random_uuid()::text) /* on a failing disk */')),
    );
    await sleep(500);
    const confirmedWhileFailing = writers.confirmed.size;
    const newcomer = await sqlStateOf(withClient(sut.login('dba'), async () => {}));
    await sleep(1500);

    expect(state).toBe('53100');
    expect(newcomer).toBe('53100');
    expect(writers.confirmed.size).toBe(confirmedWhileFailing);
    expect(gateway.pid).toBe(pid);
    const readiness = await fetch(`${ready.gateway.health}/ready`);
    expect(readiness.status).toBe(503);
    expect(await readiness.text()).toContain('evidence cannot be written');

    if (disk.heal) {
      disk.heal(pid);
    } else {
      await gateway.stop();
      disk.repair();
      await gateway.start(environment());
    }
    await eventually(
      'the writers write again',
      () => writers.confirmed.size > confirmedWhileFailing + 20,
      30_000,
    );
    if (disk.heal) expect(gateway.pid).toBe(pid);
    await writers.stop();
    await idle.end().catch(() => {});
    await gateway.stop();

    await gateway.start(environment());
    const recordings = await whenShipped(disk.path, ready.paths.recordings);
    const { executed, unrecorded } = compare(
      await readTargetLog(postgres.logFile),
      sut.direct().user,
      recordings,
    );
    expect(unrecorded).toEqual([]);
    expect(recordings.flatMap(({ faults }) => faults)).toEqual([]);
    expect(executed.length).toBeGreaterThan(40);
    expect(executed.length).toBeGreaterThanOrEqual(writers.confirmed.size);
  }, 120_000);
});
