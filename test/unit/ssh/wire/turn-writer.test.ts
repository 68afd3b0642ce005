import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { TurnWriter } from '#gateway/protocols/ssh/wire/turn-writer.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function connected(): Promise<{ readonly here: Socket; readonly there: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const here = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[there]] = (await Promise.all([once(server, 'connection'), once(here, 'connect')])) as [
    [Socket],
    unknown,
  ];
  ends.push(() => {
    here.destroy();
    there.destroy();
    server.close();
  });
  return { here, there };
}

function packetOf(writer: TurnWriter, bytes: number, fill: number): void {
  const packet = writer.packet(bytes);
  packet.fill(fill);
  writer.write(packet);
}

async function received(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.resume();
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

describe('the writes of one turn', () => {
  test('wait for its end, and come in their order', async () => {
    const { here, there } = await connected();
    const writer = new TurnWriter(here);

    writer.write(Buffer.from('one '));
    writer.write(Buffer.from('two'));
    const before = here.writableLength;
    await turn();

    expect(before).toBe(7);
    expect(here.writableLength).toBe(0);
    expect((await received(there, 7)).toString()).toBe('one two');
  });

  test('block nobody as long as the kernel takes them, however many they are', async () => {
    const { here } = await connected();
    const writer = new TurnWriter(here);

    for (let count = 0; count < 4; count += 1) packetOf(writer, 32 * 1024, count);
    await turn();

    expect(writer.blocked).toBe(false);
  });
});

describe('the memory of packets', () => {
  test('is used again when the kernel has them', async () => {
    const { here } = await connected();
    const writer = new TurnWriter(here);
    const first = writer.packet(2_048);
    writer.write(first);
    await turn();

    const second = writer.packet(2_048);
    writer.write(second);

    expect(second.buffer).toBe(first.buffer);
    expect(second.byteOffset).toBe(first.byteOffset);
  });

  test('is not touched while a peer that does not read leaves packets waiting', async () => {
    const { here, there } = await connected();
    const stuck = new TurnWriter(here);
    const other = new TurnWriter((await connected()).here);
    const size = 32 * 1024;
    let count = 0;
    while (!stuck.blocked) {
      packetOf(stuck, size, count % 251);
      count += 1;
      await turn();
    }

    // Others go on, in the same memory if it were given out.
    for (let more = 0; more < 64; more += 1) {
      packetOf(other, size, 255);
      await turn();
    }
    const bytes = await received(there, count * size);

    expect(bytes.length).toBe(count * size);
    for (let at = 0; at < count; at += 1) {
      const packet = bytes.subarray(at * size, (at + 1) * size);
      expect(packet.equals(Buffer.alloc(size, at % 251))).toBe(true);
    }
  });

  test('is not lent to a stream within the process, which may keep what it is given', async () => {
    const stream = new PassThrough();
    const writer = new TurnWriter(stream);

    packetOf(writer, 2_048, 1);
    await turn();
    packetOf(writer, 2_048, 2);
    await turn();

    expect(stream.read(2_048)).toEqual(Buffer.alloc(2_048, 1));
  });
});
