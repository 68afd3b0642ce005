import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ByteReader } from '#gateway/net/byte-reader.ts';
import { dialTcp } from '#gateway/net/connect.ts';
import { preparePki } from '#local/pki.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

const deadline = () => AbortSignal.timeout(20_000);
let server: Server;
let accepted: Promise<Socket>;

beforeEach(async () => {
  server = createServer({ noDelay: true });
  accepted = once(server, 'connection').then(([socket]) => socket as Socket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => new Promise(resolve => server.close(resolve)));

const port = () => (server.address() as AddressInfo).port;

/** Bytes that tell where they stand. */
function pattern(bytes: number, from = 0): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32LE((from + at) >>> 2, at);
  return buffer;
}

test('two targets that speak in turn are not mixed up by a reader that waits for more', async () => {
  const first = await dialTcp('127.0.0.1', port(), deadline(), { lends: true });
  const firstPeer = await accepted;
  const secondAccepted = once(server, 'connection');
  const second = await dialTcp('127.0.0.1', port(), deadline(), { lends: true });
  const [secondPeer] = (await secondAccepted) as [Socket];
  const readers = [new ByteReader(first, deadline()), new ByteReader(second, deadline())] as const;

  const reading = [readers[0].read(8), readers[1].read(8)];
  for (const [peer, text] of [
    [firstPeer, 'abcd'],
    [secondPeer, 'ABCD'],
    [firstPeer, 'efgh'],
    [secondPeer, 'EFGH'],
  ] as const) {
    peer.write(text);
    await sleep(20);
  }

  expect((await Promise.all(reading)).map(String)).toEqual(['abcdefgh', 'ABCDEFGH']);
  for (const socket of [first, second, firstPeer, secondPeer]) socket.destroy();
});

test('what came early goes back, a pause holds the rest, and the end is told', async () => {
  const socket = await dialTcp('127.0.0.1', port(), deadline(), { lends: true });
  const peer = await accepted;
  const reader = new ByteReader(socket, deadline());
  peer.write('headtail');
  expect(String(await reader.read(4))).toBe('head');
  reader.detach();

  peer.write(pattern(8 * 1024 * 1024));
  await sleep(50);
  expect(peer.writableLength).toBeGreaterThan(0);

  const hash = createHash('sha256');
  socket.on('data', (chunk: Buffer) => hash.update(chunk));
  const ended = once(socket, 'end');
  socket.resume();
  peer.end();
  await ended;

  const expected = createHash('sha256')
    .update('tail')
    .update(pattern(8 * 1024 * 1024));
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
  socket.destroy();
});

// What Gate.reply rests on when it hands lent memory to a client behind TLS.
test('TLS has taken what it is given when write returns, if nothing waits', async () => {
  await using folder = await temporaryFolder('taken');
  const pki = await preparePki(folder.path, ['gateway']);
  const files = pki.servers['gateway']!;
  const context = createSecureContext({ cert: await readFile(files.cert), key: await readFile(files.key) });
  const client = connect({ host: '127.0.0.1', port: port(), ca: await readFile(pki.ca) });
  const encrypted = new TLSSocket(await accepted, { isServer: true, secureContext: context });
  await Promise.all([once(encrypted, 'secure'), once(client, 'secureConnect')]);

  const lent = Buffer.alloc(64 * 1024);
  const total = 48 * 1024 * 1024;
  let blocked = 0;
  const hash = createHash('sha256');
  let received = 0;
  client.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    received += chunk.length;
    // A reader that is slower than the writer, so that writes meet full buffers.
    if (received % (1024 * 1024) < 16_384) {
      client.pause();
      setTimeout(() => client.resume(), 2);
    }
  });
  const expected = createHash('sha256');
  for (let sent = 0; sent < total; sent += lent.length) {
    pattern(lent.length, sent).copy(lent);
    expected.update(lent);
    expect(encrypted.writableLength).toBe(0);
    if (!encrypted.write(lent)) {
      blocked += 1;
      lent.fill(0xff);
      await once(encrypted, 'drain');
    }
    lent.fill(0xff);
  }
  encrypted.end();
  await once(client, 'end');

  expect(blocked).toBeGreaterThan(100);
  expect(received).toBe(total);
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
  client.destroy();
  encrypted.destroy();
}, 60_000);
