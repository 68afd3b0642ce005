import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { openClient, sqlStateOf, withClient } from '../support/login.ts';
import { readRecordings } from '../support/recordings.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const signal = (name: NodeJS.Signals) => process.kill(sut.stack.gateway.pid!, name);

/** What a connection says when it is ended from the other side. */
const lastWords = (client: Awaited<ReturnType<typeof openClient>>) =>
  once(client, 'error').then(([error]) => (error as { code?: string }).code);

test('SIGTERM lets what is in flight finish, tells every client, closes the recordings and ends with 0', async () => {
  const login = sut.login('dev');
  const [idle, busy, inTransaction] = await Promise.all([
    openClient(login),
    openClient(login),
    openClient(login),
  ]);
  await inTransaction.query('BEGIN');
  const words = [idle, busy, inTransaction].map(lastWords);
  const inFlight = busy.query("SELECT pg_sleep(2), 'finished' AS state");

  const { exited } = sut.stack.gateway;
  signal('SIGTERM');

  expect(await words[0]).toBe('57P01');
  await eventually('nobody is let in', async () => {
    const state = await sqlStateOf(withClient(login, async () => {}));
    return state === 'ECONNREFUSED' || state === 'ECONNRESET';
  });
  expect((await inTransaction.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await inTransaction.query('COMMIT');
  expect(await words[2]).toBe('57P01');
  expect((await inFlight).rows[0].state).toBe('finished');
  const finishedAt = Date.now();
  expect(await words[1]).toBe('57P01');
  expect(await exited).toEqual({ code: 0, signal: null });
  expect(Date.now() - finishedAt).toBeLessThan(10_000);

  const recordings = await readRecordings(sut.stack.ready.paths.recordings);
  expect(recordings).toHaveLength(3);
  for (const recording of recordings) {
    expect(recording).toMatchObject({ final: true, faults: [], end: { how: 'shutdown' } });
  }
}, 60_000);

test('a second SIGTERM ends what is in flight, and its client is told; a third would end the task as it is', async () => {
  await sut.stack.gateway.start();
  const client = await openClient(sut.login('dev'));
  const inFlight = sqlStateOf(client.query("SELECT pg_sleep(30), 'cut off'"));
  await sut.stack.postgres.administer('postgres', admin =>
    eventually('it runs', async () => {
      const { rowCount } = await admin.query(
        "SELECT FROM pg_stat_activity WHERE query LIKE '%cut off%' AND pid <> pg_backend_pid()",
      );
      return (rowCount ?? 0) > 0;
    }),
  );

  const { exited } = sut.stack.gateway;
  signal('SIGTERM');
  await eventually('it drains', async () => {
    const response = await fetch(`${sut.stack.ready.gateway.health}/drain`);
    return ((await response.json()) as { draining: boolean }).draining;
  });
  const toldTwiceAt = Date.now();
  signal('SIGTERM');

  expect(await inFlight).toBe('57P01');
  expect(await exited).toEqual({ code: 0, signal: null });
  expect(Date.now() - toldTwiceAt).toBeLessThan(5_000);
  const recording = await eventually(
    'the recording is closed',
    async () => {
      const all = await readRecordings(sut.stack.ready.paths.recordings);
      return all.find(one => one.final && one.clientBytes.includes('cut off'));
    },
    30_000,
  );
  expect(recording.faults).toEqual([]);
  expect(recording.end).toMatchObject({ how: 'shutdown' });
}, 90_000);
