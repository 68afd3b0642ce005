import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { forgetPeak, memoryOf, untilCalm } from '../support/process-facts.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { columnsOf, int32, messages, WireClient } from '../support/wire-client.ts';

const mebibyte = 1024 ** 2;
/** Whatever passes, the gateway takes no more than this beside what it had. */
const allowanceBytes = 160 * mebibyte;

let sut: TestStack;
let base: number;
beforeAll(async () => {
  sut = await startTestStack();
  // The grammar is loaded by the first statement.
  const wire = await WireClient.signIn(sut.login('dba'));
  await wire.query('SELECT 1');
  wire.end();
  await untilCalm(gateway());
}, 120_000);
afterAll(() => sut?.stop(), 30_000);
beforeEach(async () => {
  await forgetPeak(gateway());
  base = (await memoryOf(gateway())).residentBytes;
});

const gateway = () => sut.stack.gateway.pid!;
const grown = async () => (await memoryOf(gateway())).peakBytes - base;

/** The head of a message, whose body is sent apart. */
function head(type: string, bodyBytes: number): Buffer {
  return Buffer.concat([Buffer.from(type), int32(4 + bodyBytes)]);
}

/** Sends so many bytes, no faster than they are taken. */
async function pour(wire: WireClient, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(mebibyte, 'x');
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (!wire.socket.write(chunk)) await new Promise(resolve => wire.socket.once('drain', resolve));
  }
}

/** Signs in, and then counts what comes instead of keeping it. */
async function countingClient() {
  const wire = await WireClient.signIn(sut.login('dba'));
  const seen = { bytes: 0, tail: Buffer.alloc(0) };
  wire.socket.removeAllListeners('data');
  wire.socket.on('data', (chunk: Buffer) => {
    seen.bytes += chunk.length;
    seen.tail = Buffer.concat([seen.tail, chunk.subarray(-64)]).subarray(-64);
  });
  const done = () =>
    eventually('the server is ready again', () => seen.tail.subarray(-6).equals(readyForQuery), 90_000);
  return { wire, seen, done };
}
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

test('256 MiB in one value reach the server whole, in bounded memory', async () => {
  const bytes = 256 * mebibyte;
  const wire = await WireClient.signIn(sut.login('dba'));
  wire.send(messages.parse('', 'SELECT length($1::text), md5(right($1::text, 3))'));
  // Names, no formats, one value of so many bytes, no result formats.
  const before = Buffer.concat([Buffer.from('\0\0'), Buffer.from([0, 0, 0, 1]), int32(bytes)]);
  const after = Buffer.from([0, 0]);

  wire.send(head('B', before.length + bytes + after.length), before);
  await pour(wire, bytes);
  wire.send(after, messages.execute(''), messages.sync());

  const answer = await wire.until('Z', 90_000);
  expect(columnsOf(answer.find(message => message.type === 'D')!)).toEqual([
    String(bytes),
    // md5('xxx')
    'f561aaf6ef0bf14d4208bb46a4ccb3ad',
  ]);
  expect(await grown()).toBeLessThan(allowanceBytes);
  wire.end();
}, 120_000);

test('256 MiB in one value reach the client whole, in bounded memory', async () => {
  const { wire, seen, done } = await countingClient();

  wire.send(messages.query(`SELECT repeat('x', ${256 * mebibyte})`));
  await done();

  expect(seen.bytes).toBeGreaterThan(256 * mebibyte);
  expect(seen.bytes).toBeLessThan(256 * mebibyte + 200);
  expect(await grown()).toBeLessThan(allowanceBytes);
  wire.end();
}, 120_000);

test('a client that stops reading a result of 200 MiB makes the server wait, and gets all of it later', async () => {
  const rows = 200_000;
  const { wire, seen, done } = await countingClient();

  wire.socket.pause();
  wire.send(messages.query(`SELECT repeat('x', 1000) FROM generate_series(1, ${rows}) /* slow reader */`));
  const waits = await sut.stack.postgres.administer('postgres', admin =>
    eventually('the server waits for its client', async () => {
      const { rows: found } = await admin.query(
        "SELECT wait_event FROM pg_stat_activity WHERE query LIKE '%slow reader%' AND pid <> pg_backend_pid()",
      );
      return found[0]?.wait_event === 'ClientWrite';
    }),
  );
  await sleep(500);
  const whilePaused = await grown();
  const gotSoFar = seen.bytes;
  wire.socket.resume();
  await done();

  expect(waits).toBe(true);
  expect(gotSoFar).toBeLessThan(20 * mebibyte);
  expect(whilePaused).toBeLessThan(allowanceBytes);
  expect(await grown()).toBeLessThan(allowanceBytes);
  // Each row: a letter, a length, a count, a length, the value.
  expect(seen.bytes).toBeGreaterThanOrEqual(rows * (1000 + 11));
  wire.end();
}, 120_000);

test('a server that stops reading makes the client wait', async () => {
  const wire = await WireClient.signIn(sut.login('dba'));
  await wire.query('CREATE TEMP TABLE poured (words text)');
  const pid = Number(columnsOf((await wire.query('SELECT pg_backend_pid()'))[1]!)[0]);
  wire.send(messages.query('COPY poured FROM STDIN'));
  await wire.expect('G');
  process.kill(pid, 'SIGSTOP');
  const line = Buffer.from(`${'x'.repeat(mebibyte - 1)}\n`);
  const message = Buffer.concat([head('d', line.length), line]);

  let sent = 0;
  try {
    for (; sent < 128; sent += 1) {
      if (wire.socket.write(message)) continue;
      const drained = await Promise.race([
        new Promise(resolve => wire.socket.once('drain', () => resolve(true))),
        sleep(1500, false, { ref: false }),
      ]);
      if (!drained) break;
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const whileStopped = await grown();
  wire.send(messages.copyDone());

  const answer = await wire.until('Z', 60_000);
  expect(sent).toBeLessThan(64);
  expect(whileStopped).toBeLessThan(allowanceBytes);
  expect(answer.map(({ type }) => type)).toEqual(['C', 'Z']);
  wire.end();
}, 120_000);

test('a text past the limit of what is read is refused to who may not run unread text', async () => {
  const wire = await WireClient.signIn(sut.login('dev'));

  wire.send(messages.query(`SELECT '${'x'.repeat(8 * mebibyte)}'`));

  const answer = await wire.until('Z', 60_000);
  expect(answer.map(({ type }) => type)).toEqual(['E', 'Z']);
  expect(answer[0]!.body.toString()).toContain('C42501');
  wire.end();
}, 60_000);

test('the same text passes where policy lets unread text pass', async () => {
  const { wire, seen, done } = await countingClient();

  wire.send(messages.query(`SELECT length('${'x'.repeat(8 * mebibyte)}')`));
  await done();

  expect(seen.tail.toString('latin1')).toContain(String(8 * mebibyte));
  wire.end();
}, 60_000);
