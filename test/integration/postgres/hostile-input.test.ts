/** Bytes that no honest client sends, over real sockets, while an honest one works beside them. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Client } from 'pg';
import { eventually } from '../support/eventually.ts';
import { heapInUse, inspected } from '../support/inspected-heap.ts';
import { openClient, sqlStateOf, withClient } from '../support/login.ts';
import { memoryOf, openFilesOf, untilCalm } from '../support/process-facts.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { errorFields, int32, messages, sslRequest, startup, WireClient } from '../support/wire-client.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const silentConnections = long ? 10_000 : 2_000;
const handshakeDeadlineMs = 30_000;
const mebibyte = 1024 ** 2;

let sut: TestStack;
let pid: number;
let base: { files: number; residentBytes: number; heapBytes: number };
let bystander: Bystander;

beforeAll(async () => {
  sut = await startTestStack({
    gatewayEnv: { SALLYPORT_MAX_CONNECTIONS_PER_ADDRESS: '20000', NODE_OPTIONS: inspected },
  });
  pid = sut.stack.gateway.pid!;
  bystander = new Bystander(await openClient(sut.login('dev')));
  await bystander.works();
  await untilCalm(pid);
  base = {
    files: await openFilesOf(pid),
    residentBytes: (await memoryOf(pid)).residentBytes,
    heapBytes: await heapInUse(sut.stack.ready.paths.gatewayLog),
  };
  bystander.start();
}, 120_000);
afterAll(async () => {
  await bystander?.stop();
  await sut?.stop();
}, 30_000);

/** An honest session that asks one thing after another. */
class Bystander {
  readonly #client: Client;
  #running = false;
  #done: Promise<void> = Promise.resolve();
  failure: unknown;
  answers = 0;
  slowestMs = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async works(): Promise<void> {
    const { rows } = await this.#client.query('SELECT count(*)::int AS count FROM orders');
    if (!(rows[0].count > 0)) throw new Error('the honest session got a wrong answer');
  }

  start(): void {
    this.#running = true;
    this.#done = (async () => {
      while (this.#running) {
        const asked = performance.now();
        await this.works();
        this.slowestMs = Math.max(this.slowestMs, performance.now() - asked);
        this.answers += 1;
        await sleep(10);
      }
    })().catch(error => {
      this.failure = error;
    });
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    await this.#client.end();
  }
}

async function rawSocket(): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port: sut.login('dev').port, noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

async function closedWithin(socket: Socket, ms: number): Promise<boolean> {
  if (socket.closed) return true;
  // Not `once`, which fails where the socket is reset: that is an end as well.
  const closed = new Promise<true>(resolve => socket.once('close', () => resolve(true)));
  return Promise.race([closed, sleep(ms, false, { ref: false })]);
}

/** After whatever: the same process, and the honest session has not noticed. */
function expectNoHarm(): void {
  expect(sut.stack.gateway.pid).toBe(pid);
  expect(bystander.failure).toBeUndefined();
}

const pairs = (...names: string[]) => Buffer.from(`${names.join('\0')}\0`);
const packet = (code: number, rest: Buffer) => Buffer.concat([int32(8 + rest.length, code), rest]);
const version3 = 3 << 16;

describe('before sign-in', () => {
  test.each([
    ['a length of 0', int32(0, version3), '08P01'],
    ['a length of 4', int32(4, version3), '08P01'],
    ['a length of 2^31-1', int32(0x7fffffff, version3), '08P01'],
    ['a length of -1', int32(-1, version3), '08P01'],
    ['a length just past the limit', int32(10_001, version3), '08P01'],
    ['eight bytes and nothing in them', int32(8, version3), '08P01'],
    ['eight bytes of protocol 2', int32(8, 2 << 16), '0A000'],
    ['eight bytes of a protocol to come', int32(8, 4 << 16), '0A000'],
    ['`user` as the last bare word', packet(version3, Buffer.from('user\0')), '08P01'],
    ['`user` without its end', packet(version3, Buffer.from('user')), '08P01'],
    ['a value without its end', packet(version3, Buffer.from('user\0dev')), '08P01'],
    ['no terminator', packet(version3, pairs('user', 'dev')), '08P01'],
    ['bytes behind the terminator', packet(version3, Buffer.from('user\0dev\0\0rest')), '08P01'],
    ['no user', packet(version3, Buffer.from('database\0shop\0\0')), '08P01'],
    ['an empty user', packet(version3, Buffer.from('user\0\0\0')), '08P01'],
    ['a parameter given twice', packet(version3, Buffer.from('user\0dev\0user\0dba\0\0')), '08P01'],
    ['a cancel request that is too short', int32(12, 80877102, 1), '08P01'],
    ['an encryption request that is too long', int32(12, 80877103, 0), '08P01'],
  ])('%s is answered and closed', async (_, bytes, code) => {
    const wire = await WireClient.connect(sut.login('dev'));

    wire.send(bytes);

    const [answer] = await wire.until('E');
    expect(errorFields(answer!)).toMatchObject({ S: 'FATAL', C: code });
    await wire.closed();
    expectNoHarm();
  });

  test('HTTP is closed', async () => {
    const socket = await rawSocket();

    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');

    expect(await closedWithin(socket, 10_000)).toBe(true);
    expectNoHarm();
  });

  test(
    'random bytes do no harm',
    async () => {
      const login = sut.login('dev');
      const beginnings = [
        Buffer.alloc(0),
        sslRequest,
        startup({ user: login.user, database: login.database }),
        startup({ user: login.user, database: login.database, options: '-c sallyport.auth=oauth' }),
        Buffer.from([0x16, 0x03, 0x01]),
        int32(64, version3),
      ];
      const hostile = fc.record({
        beginning: fc.constantFrom(...beginnings),
        rest: fc.uint8Array({ maxLength: 2_000 }),
        cutAt: fc.nat(2_000),
        reset: fc.boolean(),
      });

      await fc.assert(
        fc.asyncProperty(hostile, async ({ beginning, rest, cutAt, reset }) => {
          const socket = await rawSocket();
          const bytes = Buffer.concat([beginning, rest]);
          socket.write(bytes.subarray(0, cutAt));
          await sleep(2);
          socket.write(bytes.subarray(cutAt));
          if (reset) socket.resetAndDestroy();
          else socket.end();
          expect(await closedWithin(socket, 10_000)).toBe(true);
          expectNoHarm();
        }),
        { numRuns: long ? 5_000 : 150 },
      );
    },
    long ? 900_000 : 60_000,
  );
});

describe('after sign-in', () => {
  const frame = (type: string, length: number, body = Buffer.alloc(0)) =>
    Buffer.concat([Buffer.from(type), int32(length), body]);

  test.each([
    ['a length of 0', frame('Q', 0)],
    ['a length of 3', frame('S', 3)],
    ['a length of 2^31-1', frame('Q', 0x7fffffff)],
    ['a length of -1', frame('P', -1)],
    ['a type that there is not', frame('z', 4)],
    ['a type that only the server sends', frame('Z', 5, Buffer.from('I'))],
    ['a password where none is asked for', messages.password('again')],
    ['a query without its end', frame('Q', 8, Buffer.from('ABCD'))],
    ['a query with an end in the middle', frame('Q', 14, Buffer.from('SELECT\x00 1\x00'))],
    ['a Bind of nothing', frame('B', 4)],
    ['an Execute of nothing', frame('E', 4)],
    ['a Parse without a text', frame('P', 6, Buffer.from('a\0'))],
    ['a Close that is longer than any name', frame('C', 4 + 70_000, Buffer.alloc(70_000, 'x'))],
  ])('%s ends the session with 08P01', async (_, bytes) => {
    const wire = await WireClient.signIn(sut.login('dev'));

    wire.send(bytes);

    const answer = await wire.until('E');
    expect(errorFields(answer.at(-1)!)).toMatchObject({ S: 'FATAL', C: '08P01' });
    await wire.closed();
    expectNoHarm();
  });

  test(
    'random frames and random bytes do no harm',
    async () => {
      const someFrame = fc
        .tuple(fc.constantFrom(...'QPBEDCHSXFdcfpz'), fc.uint8Array({ maxLength: 300 }))
        .map(([type, body]) => frame(type, 4 + body.length, Buffer.from(body)));
      const noise = fc.uint8Array({ maxLength: 500 }).map(bytes => Buffer.from(bytes));
      const honest = fc.constantFrom(
        messages.query('SELECT 1'),
        messages.query('COPY orders TO STDOUT'),
        messages.parse('s', 'SELECT $1::int'),
        messages.bind('', 's', '1'),
        messages.execute(''),
        messages.sync(),
        messages.query('BEGIN'),
        messages.query('DELETE FROM customers'),
      );
      const conversation = fc.array(fc.oneof(someFrame, honest, honest, noise), {
        minLength: 1,
        maxLength: 12,
      });

      await fc.assert(
        fc.asyncProperty(conversation, async parts => {
          const wire = await WireClient.signIn(sut.login('dev'));
          wire.socket.resume();
          wire.send(...parts);
          wire.socket.end();
          await wire.closed(20_000);
          expectNoHarm();
        }),
        { numRuns: long ? 1_000 : 40 },
      );
    },
    long ? 900_000 : 90_000,
  );
});

test('whoever does not get on with it is closed by the deadline, and nobody waits for them', async () => {
  const login = sut.login('dev');
  const beganAt = Date.now();
  const slow: Record<string, Socket> = {
    silent: await rawSocket(),
    'eight bytes of SSLRequest, then nothing': await rawSocket(),
    'half a TLS handshake': await rawSocket(),
    'half a start-up packet': await rawSocket(),
    'no password': await rawSocket(),
    'a byte a second': await rawSocket(),
  };
  slow['eight bytes of SSLRequest, then nothing']!.write(sslRequest);
  slow['half a TLS handshake']!.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  const opening = startup({ user: login.user, database: login.database, application_name: 'x'.repeat(200) });
  slow['half a start-up packet']!.write(opening.subarray(0, 30));
  slow['no password']!.write(opening);
  const drip = setInterval(() => {
    const socket = slow['a byte a second']!;
    if (socket.writable) socket.write(opening.subarray(0, 1));
  }, 1_000);
  slow['a byte a second']!.write(opening.subarray(0, 40));
  const closedAfter: Record<string, number> = {};
  const all = Object.entries(slow).map(async ([name, socket]) => {
    if (await closedWithin(socket, handshakeDeadlineMs + 15_000)) closedAfter[name] = Date.now() - beganAt;
  });

  const newcomer = await sqlStateOf(withClient(login, client => client.query('SELECT 1')));
  await Promise.all(all);
  clearInterval(drip);

  expect(newcomer).toBeUndefined();
  for (const name of Object.keys(slow)) {
    expect([name, (closedAfter[name] ?? Number.NaN) < handshakeDeadlineMs + 8_000]).toEqual([name, true]);
  }
  expectNoHarm();
}, 90_000);

test(`${silentConnections} connections that say nothing keep nobody out`, async () => {
  const crowd: Socket[] = [];
  for (let index = 0; index < silentConnections; index += 100) {
    crowd.push(...(await Promise.all(Array.from({ length: 100 }, rawSocket))));
  }

  const encrypted = readFileSync(sut.login('dev').ca!);
  const askedAt = Date.now();
  const wire = await WireClient.signIn(sut.login('dev'), { encryption: { kind: 'request', ca: encrypted } });
  const tookMs = Date.now() - askedAt;
  wire.end();
  for (const socket of crowd) socket.destroy();

  expect(tookMs).toBeLessThan(5_000);
  expectNoHarm();
}, 120_000);

test('after all of it, memory and open files are what they were, and the honest session was never kept waiting', async () => {
  await eventually('files are closed', async () => (await openFilesOf(pid)) <= base.files + 5, 45_000);
  await eventually(
    'what is held is what was held',
    async () => (await heapInUse(sut.stack.ready.paths.gatewayLog)) < base.heapBytes + 4 * mebibyte,
    10_000,
  );
  const { residentBytes } = await memoryOf(pid);

  // What a crowd had at once, the system's allocator keeps for the next one.
  const kept = silentConnections * 24 * 1024;
  expect(residentBytes - base.residentBytes).toBeLessThan(64 * mebibyte + kept);
  expect(bystander.answers).toBeGreaterThan(100);
  expect(bystander.slowestMs).toBeLessThan(3_000);
  expectNoHarm();
}, 120_000);
