/** What no honest client sends to the SSH port, over real sockets, while an honest one works beside it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Client, type ClientChannel } from 'ssh2';
import { type SshStack, startSshStack } from './ssh/ssh-stack.ts';
import { eventually } from './support/eventually.ts';
import { memoryOf, openFilesOf, untilCalm } from './support/process-facts.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const mebibyte = 1024 ** 2;

let sut: SshStack;
let pid: number;
let honest: Client;
let before: { readonly residentBytes: number; readonly files: number };
beforeAll(async () => {
  sut = await startSshStack();
  pid = sut.stack.gateway.pid!;
  honest = await signIn();
  await expectNoHarm();
  await untilCalm(pid);
  before = { residentBytes: (await memoryOf(pid)).residentBytes, files: await openFilesOf(pid) };
}, 120_000);
afterAll(async () => {
  honest?.end();
  await sut?.stop();
}, 30_000);

const at = () => sut.stack.ready.gateway.ssh!;

async function signIn(): Promise<Client> {
  const client = new Client();
  client.on('error', () => {});
  const { host, port } = at();
  client.connect({ host, port, username: 'web-1', password: sut.stack.ready.people['dba']!.token });
  await once(client, 'ready');
  return client;
}

/** After whatever: the same process, and the session that was there before it still gets right answers. */
async function expectNoHarm(): Promise<void> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    honest.exec('echo well', (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  let said = '';
  channel.on('data', (data: Buffer) => {
    said += data.toString();
  });
  await once(channel, 'close');
  expect(said).toBe('well\n');
  expect(sut.stack.gateway.pid).toBe(pid);
}

async function rawSocket(): Promise<Socket> {
  const socket = connect({ ...at(), noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

async function closedWithin(socket: Socket, ms: number): Promise<boolean> {
  if (socket.closed) return true;
  return Promise.race([once(socket, 'close').then(() => true), sleep(ms, false, { ref: false })]);
}

describe('before sign-in', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50))],
    [
      'a packet of 2^31 bytes',
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from('7fffffff04', 'hex')]),
    ],
    ['a packet of nothing', Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64)])],
    ['lines without end', Buffer.from('hello\r\n'.repeat(30_000))],
  ])('%s is closed', async (_, bytes) => {
    const socket = await rawSocket();

    socket.write(bytes);

    expect(await closedWithin(socket, 10_000)).toBe(true);
    await expectNoHarm();
  });

  test('random bytes do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.uint8Array({ maxLength: 2_000 }),
        fc.boolean(),
        async (greets, bytes, resets) => {
          const socket = await rawSocket();
          if (greets) socket.write('SSH-2.0-x\r\n');
          socket.write(bytes);
          await sleep(2);
          if (resets) socket.resetAndDestroy();
          else socket.end();
          expect(await closedWithin(socket, 10_000)).toBe(true);
        },
      ),
      { numRuns: long ? 2_000 : 60 },
    );
    await expectNoHarm();
  }, 600_000);
});

describe('after sign-in', () => {
  test('a flood of channels and of resizes, and a reset in the middle of it, do no harm', async () => {
    for (let round = 0; round < 5; round += 1) {
      const client = await signIn();
      const opened: ClientChannel[] = [];
      for (let index = 0; index < 300; index += 1) {
        client.exec('cat', { pty: true }, (error, channel) => {
          if (error) return;
          opened.push(channel);
          for (let size = 1; size < 100; size += 1) channel.setWindow(size, size, 0, 0);
        });
      }
      await sleep(300);
      client.destroy();
    }

    await expectNoHarm();
  }, 60_000);
});

test('after all of it memory and open files are what they were', async () => {
  await eventually('files are closed', async () => (await openFilesOf(pid)) <= before.files + 5, 45_000);
  await untilCalm(pid);

  const { residentBytes } = await memoryOf(pid);
  expect(residentBytes - before.residentBytes).toBeLessThan(256 * mebibyte);
  await expectNoHarm();
}, 90_000);
