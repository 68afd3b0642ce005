import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SftpStream } from '#gateway/protocols/ssh/sftp/sftp-stream.ts';
import { ModelServer } from './model-server.ts';
import { attributes, flags, frame, packetsOf, reply, request } from './packets.ts';
import { converse, Rig } from './rig.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const handle = Buffer.from([0, 0, 0, 0]);

/** A channel with a file open for reading under `handle`. */
function channel(pathsMatter = false) {
  const rig = new Rig({ pathsMatter });
  const stream = new SftpStream(rig);
  const server = new ModelServer().file('/home/u/f', 'content');
  stream.fromClient(Buffer.concat([request.init(), request.open(1, 'f', flags.read)]));
  converse(rig, stream, server);
  rig.entries.length = 0;
  return { rig, stream, server };
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const longer = (packet: Buffer) => {
  const bytes = Buffer.concat([packet, Buffer.from([0])]);
  bytes.writeUInt32BE(bytes.length - 4);
  return bytes;
};
const shorter = (packet: Buffer) => {
  const bytes = Buffer.from(packet.subarray(0, -1));
  bytes.writeUInt32BE(bytes.length - 4);
  return bytes;
};

describe('a client', () => {
  test.each<[string, Buffer]>([
    ['a packet without an id', frame(17)],
    ['a packet of nothing', u32(0)],
    ['a packet of 4 GiB', u32(0xffffffff)],
    ['a packet larger than any', u32(256 * 1024 + 1025)],
    ['a second INIT', request.init()],
    ['a VERSION', reply.version(3)],
    ['a STATUS', reply.status(1, 0)],
    ['DATA', reply.data(1, 'x')],
    ['ATTRS', reply.attrs(1)],
    ['a path of 4 GiB', frame(17, u32(2), u32(0xffffffff), Buffer.from('x'))],
    ['a path with a zero byte', request.stat(2, 'f\0g')],
    ['a path with a zero byte at its end', request.stat(2, 'f\0')],
    ['a WRITE that is longer than its data', longer(request.write(2, handle, 0, 'abc'))],
    ['a WRITE that is shorter than its data', shorter(request.write(2, handle, 0, 'abc'))],
    ['a WRITE of 4 GiB', frame(6, u32(2), u32(4), handle, u32(0), u32(0), u32(0xffffffff))],
    ['a WRITE without anything', frame(6, u32(2))],
    ['a READ that is too long', longer(request.read(2, handle, 0, 1))],
    ['a READ that is too short', shorter(request.read(2, handle, 0, 1))],
    ['a READ without anything', frame(5, u32(2))],
    ['a READ with a handle of 4 GiB', frame(5, u32(2), u32(0xffffffff))],
    ['a handle of 257 bytes', request.close(2, 'x'.repeat(257))],
    ['a WRITE to a handle of 257 bytes', request.write(2, 'x'.repeat(257), 0, 'a')],
    ['attributes of a later version', request.setstat(2, 'f', u32(0x10))],
    ['attributes that end early', request.setstat(2, 'f', attributes.all().subarray(0, -3))],
    [
      'four billion extended attributes',
      request.setstat(2, 'f', Buffer.concat([u32(0x80000000), u32(0xffffffff)])),
    ],
    ['a STAT with something behind it', longer(request.stat(2, 'f'))],
    ['a LIMITS with something behind it', longer(request.limits(2))],
  ])('that sends %s ends its channel, and nothing of it reaches the target', (_, bytes) => {
    const { rig, stream } = channel();

    const after = request.stat(3, 'f');
    stream.fromClient(bytes);
    stream.fromClient(after);
    stream.fromServer(reply.status(1, 0));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.sent()).toHaveLength(0);
    expect(rig.received()).toHaveLength(0);
    // A length alone is looked at when a type has come.
    expect([bytes, Buffer.concat([bytes, after])]).toContainEqual(rig.dropOut());
  });

  test.each<[string, Buffer, Buffer]>([
    ['plain requests', request.stat(2, 'f'), request.stat(2, 'f')],
    ['a READ and another one', request.read(2, handle, 0, 1), request.read(2, handle, 1, 1)],
    ['a READ and an unknown request', request.read(2, handle, 0, 1), request.unknownType(2, 90)],
  ])('that uses an id twice at once (%s) ends its channel', (_, first, second) => {
    const { rig, stream } = channel();

    stream.fromClient(Buffer.concat([first, second]));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.sent()).toEqual(first);
  });

  test('may use the id that the gateway would ask under', () => {
    const { rig, stream, server } = channel(true);
    stream.fromClient(request.read(0xffffffff, handle, 0, 3));

    stream.fromClient(Buffer.concat([request.stat(0xfffffffe, 'f'), request.stat(0xfffffffd, 'f')]));

    const ids = packetsOf(converse(rig, stream, server)).map(({ id }) => id);
    expect(ids).toEqual([0xffffffff, 0xfffffffe, 0xfffffffd]);
    expect(rig.of('fail')).toEqual([]);
  });

  test('that says something else first', () => {
    for (const bytes of [request.stat(1, 'f'), request.read(1, 'h', 0, 1), request.write(1, 'h', 0, 'x')]) {
      const rig = new Rig();
      new SftpStream(rig).fromClient(bytes);

      expect(rig.of('fail')).toEqual(['protocolViolation']);
      expect(rig.sent()).toHaveLength(0);
    }
  });
});

describe('a server', () => {
  test.each<[string, Buffer]>([
    ['an answer to nothing', reply.status(9, 0)],
    ['another kind of answer', reply.attrs(2)],
    ['a handle where none was asked for', reply.handle(2, 'h')],
    ['an answer with an impossible length', u32(3)],
    ['an answer of 4 GiB', u32(0xffffffff)],
    ['more data than were asked for', reply.data(2, 'abcd')],
    ['data that are longer than they say', longer(reply.data(2, 'abc'))],
    ['a STATUS without a code', frame(101, u32(2))],
    ['a packet that only clients send', request.stat(2, 'f')],
  ])('that sends %s ends the channel, and it does not reach the client', (_, bytes) => {
    const { rig, stream } = channel();
    stream.fromClient(request.read(2, handle, 0, 3));
    rig.sent();

    // A server may send a head that is cut off for ever.
    stream.fromServer(Buffer.concat([bytes, Buffer.alloc(5)]));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.received()).toHaveLength(0);
  });

  test.each<[string, (id: number) => Buffer]>([
    ['two names', id => reply.name(id, '/a', '/b')],
    ['no name', id => reply.name(id)],
    ['a relative name', id => reply.name(id, 'a')],
    ['a name with a zero byte', id => reply.name(id, '/a\0b')],
    ['data', id => reply.data(id, '/a')],
    ['a handle', id => reply.handle(id, '/a')],
    ['a very long name', id => reply.name(id, `/${'a'.repeat(20_000)}`)],
  ])('that answers a question with %s ends the channel', (_, answer) => {
    const { rig, stream } = channel(true);
    stream.fromClient(request.stat(2, '/f'));
    const [question] = packetsOf(rig.sent());

    stream.fromServer(answer(question!.id));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.of('perform')).toEqual([]);
    expect(rig.received()).toHaveLength(0);
  });

  test.each<[string, Buffer[]]>([
    ['a handle twice', [reply.handle(2, handle)]],
    ['a handle of 257 bytes', [reply.handle(2, 'h'.repeat(257))]],
    ['a handle with something behind it', [longer(reply.handle(2, 'h'))]],
  ])('that gives %s ends the channel', (_, answers) => {
    const { rig, stream } = channel();
    stream.fromClient(request.open(2, 'g', flags.read));

    for (const answer of answers) stream.fromServer(answer);

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.received()).toHaveLength(0);
  });

  test('that speaks before it is spoken to', () => {
    const rig = new Rig();
    const stream = new SftpStream(rig);

    stream.fromServer(reply.version(3));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.received()).toHaveLength(0);
  });
});

describe('whatever comes', () => {
  const samples = [
    request.init(),
    request.stat(1, 'f'),
    request.open(2, 'f', 3),
    request.read(3, handle, 0, 5),
    request.write(4, handle, 0, 'data'),
    request.close(5, handle),
    request.rename(6, 'a', 'b'),
    request.unknownExtension(7, 'x@y'),
    reply.version(3, ['a', 'b']),
    reply.status(1, 2, 'no'),
    reply.handle(2, 'h'),
    reply.data(3, 'abc'),
    reply.name(6, '/a'),
    reply.attrs(1),
  ];
  const noise = fc.oneof(
    fc.constantFrom(...samples),
    fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
    // A sample with one byte changed.
    fc.tuple(fc.constantFrom(...samples), fc.nat(200), fc.nat(255)).map(([sample, at, value]) => {
      const bytes = Buffer.from(sample);
      bytes[at % bytes.length] = value;
      return bytes;
    }),
  );

  test('nothing is thrown, the channel ends at most once, and nothing passes after that', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.tuple(fc.boolean(), noise), { maxLength: 30 }),
        (pathsMatter, said) => {
          const { rig, stream } = channel(pathsMatter);

          for (const [fromClient, bytes] of said) {
            if (rig.of('fail').length > 0) {
              rig.sent();
              rig.received();
            }
            if (fromClient) stream.fromClient(bytes);
            else stream.fromServer(bytes);
            if (rig.entries.at(-1)?.[0] !== 'fail' && rig.of('fail').length > 0) {
              expect(rig.sent()).toHaveLength(0);
              expect(rig.received()).toHaveLength(0);
            }
          }
          stream.clientEnd();
          stream.serverEnd();

          expect(rig.of('fail').length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: long ? 100_000 : 1_000 },
    );
  });

  test('what a client sends and nobody answers is kept up to a bound', () => {
    const { rig, stream } = channel(true);
    const before = process.memoryUsage().arrayBuffers;
    const chunk = Buffer.concat(
      Array.from({ length: 500 }, (_, index) => request.stat(index + 2, `${index}`)),
    );

    for (let round = 0; round < 10_000 && rig.of('fail').length === 0; round += 1) stream.fromClient(chunk);

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024);
  });

  test('a thousand requests that each need a question take their turn without being copied each time', () => {
    const { rig, stream, server } = channel(true);
    const requests = Buffer.concat(
      Array.from({ length: 4_000 }, (_, index) => request.stat(index + 2, `/home/u/${index}`)),
    );
    const begun = performance.now();

    stream.fromClient(requests);
    const got = packetsOf(converse(rig, stream, server));

    expect(got).toHaveLength(4_000);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
