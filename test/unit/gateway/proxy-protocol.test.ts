import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { ByteReader } from '#gateway/net/byte-reader.ts';
import { readProxyHeader } from '#gateway/net/proxy-protocol.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function header(versionAndCommand: number, family: number, addresses: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head[0] = versionAndCommand;
  head[1] = family;
  head.writeUInt16BE(addresses.length, 2);
  return Buffer.concat([signature, head, addresses]);
}

async function read(bytes: Buffer): Promise<{ address: string | undefined; rest: string }> {
  const socket = new PassThrough();
  const reader = new ByteReader(socket, AbortSignal.timeout(5_000));
  for (const byte of bytes) socket.write(Buffer.from([byte]));
  socket.end('rest');
  const address = await readProxyHeader(reader);
  return { address, rest: (await reader.read(4)).toString() };
}

const ipv4 = Buffer.from([192, 0, 2, 1, 127, 0, 0, 1, 0x30, 0x39, 0x15, 0x38]);
const ipv6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.alloc(16),
  Buffer.alloc(4),
]);

describe('the PROXY protocol header', () => {
  test('states an IPv4 address, and what follows is the client’s', async () => {
    expect(await read(header(0x21, 0x11, ipv4))).toEqual({ address: '192.0.2.1', rest: 'rest' });
  });

  test('states an IPv6 address', async () => {
    expect((await read(header(0x21, 0x21, ipv6))).address).toBe('2001:db8:0:0:0:0:0:1');
  });

  test('may carry more than the addresses', async () => {
    expect((await read(header(0x21, 0x11, Buffer.concat([ipv4, Buffer.from([4, 0, 1, 0])])))).address).toBe(
      '192.0.2.1',
    );
  });

  test('of the balancer’s own health check states nobody', async () => {
    expect((await read(header(0x20, 0, Buffer.alloc(0)))).address).toBeUndefined();
  });

  test.each([
    ['version 1', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')],
    ['a version 3', header(0x31, 0x11, ipv4)],
    ['an unknown command', header(0x22, 0x11, ipv4)],
    ['a unix socket', header(0x21, 0x31, Buffer.alloc(216))],
    ['too short an address', header(0x21, 0x11, ipv4.subarray(0, 8))],
    ['a header longer than any address', header(0x21, 0x11, Buffer.alloc(600))],
    ['no header', Buffer.from('\0\0\0\x08\x04\xd2\x16\x2fxxxxxxxx')],
  ])('%s is a protocol violation', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'protocolViolation' });
  });
});
