import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SftpStream } from '#gateway/protocols/ssh/sftp/sftp-stream.ts';
import { ModelServer } from './model-server.ts';
import { attributes, flags, forWriting, type Packet, packetsOf, request } from './packets.ts';
import { converse, Rig, type RigOptions, type Split, whole } from './rig.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const handle = (number: number) => Buffer.from([0, 0, 0, number]);

function server(): ModelServer {
  return new ModelServer()
    .directory('/srv')
    .directory('/srv/d')
    .link('/srv/l', 'd')
    .file('/srv/d/a', 'content of a')
    .file('/srv/b', 'content of b')
    .link('/srv/lost', 'no/where');
}

/** Answers by id: those of the gateway may overtake those of the server. */
const byId = (packets: readonly Packet[]) =>
  packets.map(({ type, id, body }) => `${id} ${type} ${body.toString('latin1')}`).sort();

/** What each way of sending must come to. `batches`: a batch is sent when all before it was answered. */
function run(
  batches: readonly Buffer[],
  options: RigOptions,
  split: Split = whole,
  splitBack: Split = whole,
) {
  const rig = new Rig(options);
  const stream = new SftpStream(rig, { now: () => 0 });
  const model = server();
  const got: Buffer[] = [];
  for (const batch of batches) {
    for (const piece of split(batch)) stream.fromClient(piece);
    got.push(converse(rig, stream, model, splitBack));
  }
  stream.clientEnd();
  stream.serverEnd();
  const packets = packetsOf(Buffer.concat(got));
  const outcome = {
    carried: rig.carried().toString('latin1'),
    dropped: rig.dropOut().toString('latin1'),
    entries: rig.entries,
    answers: byId(packets),
    nodes: [...model.nodes].map(([path, node]) => [path, JSON.stringify(node)]),
  };
  // As text: thousands of these are compared.
  return { ...outcome, packets, text: JSON.stringify(outcome, undefined, 1) };
}

/** Every kind of request once, with handles 0 (read), 1 (written) and 2 (a directory). */
const everything: readonly Buffer[] = [
  request.init(),
  Buffer.concat([
    request.open(1, '/srv/l/a', flags.read),
    request.open(2, '/srv/new', forWriting, attributes.mode(0o644)),
    request.opendir(3, '/srv/l'),
  ]),
  Buffer.concat([
    request.read(4, handle(0), 0, 100),
    request.write(5, handle(1), 0, 'some bytes'),
    request.readdir(6, handle(2)),
    request.write(7, handle(0), 0, 'refused: opened for reading'),
    request.fstat(8, handle(0)),
    request.fsetstat(9, handle(1), attributes.size(10)),
    request.fstatvfs(10, handle(0)),
    request.fsync(11, handle(1)),
    request.copyData(12, handle(0), handle(1)),
    request.close(13, handle(0)),
    request.close(14, handle(1)),
    request.close(15, handle(2)),
    request.lstat(16, '/srv/l'),
    request.stat(17, '/srv/l'),
    request.setstat(18, '/srv/l/a', attributes.all()),
    request.lsetstat(19, '/srv/l', attributes.mode(0o600)),
    request.realpath(20, '.'),
    request.readlink(21, '/srv/l'),
    request.mkdir(22, '/srv/l/sub', attributes.mode(0o755)),
    request.rmdir(23, '/srv/d/sub'),
    request.symlink(24, 'b', '/srv/link'),
    request.hardlink(25, '/srv/b', '/srv/hard'),
    request.rename(26, '/srv/b', '/srv/c'),
    request.posixRename(27, '/srv/c', '/srv/b'),
    request.remove(28, '/srv/secret'),
    request.remove(29, '/srv/b'),
    request.statvfs(30, '/srv/lost'),
    request.limits(31),
    request.expandPath(32, '~'),
    request.homeDirectory(33, 'u'),
    request.usersGroupsById(34, [0], [0]),
    request.unknownType(35, 77),
    request.unknownExtension(36, 'who@knows'),
  ]),
];
const refuses = (_: string, object: string) => object.includes('secret');

describe('however what is sent is cut', () => {
  const expected = run(everything, { refuses });

  test('what is there to compare with is all of it', () => {
    expect(expected.answers).toHaveLength(37);
    expect(expected.packets.filter(({ type }) => type === 201)).toHaveLength(3);
    expect(expected.entries.some(([kind]) => kind === 'fail')).toBe(false);
  });

  test('at every place', () => {
    const longest = Math.max(...everything.map(bytes => bytes.length));
    for (let at = 1; at < longest; at += long ? 1 : 13) {
      const cut: Split = bytes => [bytes.subarray(0, at), bytes.subarray(at)];
      expect(run(everything, { refuses }, cut, whole).text).toBe(expected.text);
      expect(run(everything, { refuses }, whole, cut).text).toBe(expected.text);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 21, 34])('into pieces of %i', size => {
    const cut: Split = bytes =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );

    expect(run(everything, { refuses }, cut, cut).text).toBe(expected.text);
  });

  test('and with all memory written over once it was read', () => {
    // Pieces that are not the same memory twice, and hold nothing when the next one comes.
    const lent: Split = function* (bytes) {
      const memory = Buffer.alloc(7);
      for (let at = 0; at < bytes.length; at += 7) {
        const length = bytes.copy(memory, 0, at, at + 7);
        yield memory.subarray(0, length);
        memory.fill(0xee);
      }
    };

    expect(run(everything, { refuses }, lent, lent).text).toBe(expected.text);
  });
});

/** A request that a generated client makes; handles are those that it has been given. */
type Step = (id: number, handles: readonly Buffer[]) => Buffer | undefined;

const path = fc.oneof(
  fc.constantFrom(
    '/srv/d/a',
    '/srv/l/a',
    '/srv/b',
    '/srv/l',
    '/srv/d',
    '/srv/new',
    '/srv/l/new',
    '/srv/lost',
  ),
  fc.constantFrom(
    '/srv/no/x/y',
    '/srv/l/../b',
    '/',
    '',
    'x',
    '../u/./x',
    '/srv/d/',
    '/srv/l/',
    '/srv/secret',
    '/secret/a',
  ),
);
const withHandle = (make: (id: number, handle: Buffer) => Buffer): fc.Arbitrary<Step> =>
  fc.nat(9).map(index => (id, handles) => {
    const chosen = handles[index % Math.max(handles.length, 1)];
    return chosen === undefined ? undefined : make(id, chosen);
  });
const withPath = (make: (id: number, path: string) => Buffer): fc.Arbitrary<Step> =>
  path.map(chosen => id => make(id, chosen));
const withPaths = (make: (id: number, from: string, to: string) => Buffer): fc.Arbitrary<Step> =>
  fc.tuple(path, path).map(
    ([from, to]) =>
      id =>
        make(id, from, to),
  );
const data = fc.string({ maxLength: 40 });

const step: fc.Arbitrary<Step> = fc.oneof(
  // Both ways: the model does not look at directions, which are tested elsewhere.
  withPath((id, name) => request.open(id, name, flags.read | flags.write)),
  withPath((id, name) => request.open(id, name, flags.read | forWriting)),
  withPath(request.opendir),
  withPath(request.stat),
  withPath(request.lstat),
  withPath(request.readlink),
  withPath(request.realpath),
  withPath(request.remove),
  withPath(request.rmdir),
  withPath(request.mkdir),
  withPath((id, name) => request.setstat(id, name, attributes.mode(0o600))),
  withPaths(request.rename),
  withPaths(request.posixRename),
  withPaths(request.symlink),
  withHandle((id, open) => request.read(id, open, 0, 5)),
  withHandle((id, open) => request.fstat(id, open)),
  withHandle((id, open) => request.close(id, open)),
  fc.tuple(data, fc.nat(20), fc.nat(9)).map(
    ([text, offset, index]): Step =>
      (id, handles) => {
        const open = handles[index % Math.max(handles.length, 1)];
        return open && request.write(id, open, offset, text);
      },
  ),
);
const conversation = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 8 });
const pieces = fc.infiniteStream(fc.integer({ min: 1, max: 60 }));

/** The batches of bytes that a client sends to `answer`, and what it gets. */
function play(steps: readonly (readonly Step[])[], answer: (bytes: Buffer) => Buffer) {
  const batches: Buffer[] = [];
  const answers: Packet[] = [];
  const handles: Buffer[] = [];
  let id = 0;
  const send = (bytes: Buffer) => {
    batches.push(bytes);
    for (const packet of packetsOf(answer(bytes))) {
      answers.push(packet);
      if (packet.type === 102) handles.push(packet.body.subarray(4));
    }
  };
  send(request.init());
  for (const batch of steps) {
    const bytes = batch.map(make => {
      id += 1;
      // A handle is forgotten only when its CLOSE was answered, as careless clients do.
      return make(id, handles) ?? request.limits(id);
    });
    send(Buffer.concat(bytes));
  }
  return { batches, answers };
}

const splitBy = (sizes: Iterator<number>): Split =>
  function* (bytes) {
    for (let at = 0; at < bytes.length; ) {
      const size = sizes.next().value as number;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  };

/** Type, and the code of a STATUS: its text is the gateway's own where the server was not asked. */
const outcome = ({ id, type, body }: Packet) =>
  type === 101 ? `${id} status ${body.readUInt32BE(0)}` : `${id} ${type} ${body.toString('latin1')}`;

describe('any requests', () => {
  test('have the answers, and do to the files, what they do without a gateway', () => {
    fc.assert(
      fc.property(conversation, pieces, pieces, (steps, there, back) => {
        const direct = server();
        const plain = play(steps, bytes => direct.take(bytes));

        const behind = server();
        const rig = new Rig();
        const stream = new SftpStream(rig, { now: () => 0 });
        const split = splitBy(there);
        const through = play(steps, bytes => {
          for (const piece of split(bytes)) stream.fromClient(piece);
          return converse(rig, stream, behind, splitBy(back));
        });

        expect(rig.of('fail')).toEqual([]);
        expect(through.answers.map(outcome).sort()).toEqual(plain.answers.map(outcome).sort());
        expect([...behind.nodes]).toEqual([...direct.nodes]);
      }),
      { numRuns: long ? 20_000 : 150 },
    );
  });

  test('reach the target unchanged and in their order, and if they are refused not at all', () => {
    fc.assert(
      fc.property(conversation, pieces, pieces, fc.boolean(), (steps, there, back, pathsMatter) => {
        const options = { pathsMatter, refuses };
        const rig = new Rig(options);
        const stream = new SftpStream(rig, { now: () => 0 });
        const model = server();
        const { batches } = play(steps, bytes => {
          stream.fromClient(bytes);
          return converse(rig, stream, model);
        });
        stream.clientEnd();
        stream.serverEnd();
        const sent = packetsOf(Buffer.concat(batches));
        const carried = packetsOf(rig.carried());
        const dropped = packetsOf(rig.dropOut());

        const cut = run(batches, options, splitBy(there), splitBy(back));

        expect(cut.carried).toBe(rig.carried().toString('latin1'));
        expect(cut.dropped).toBe(rig.dropOut().toString('latin1'));
        expect(cut.entries).toEqual(rig.entries);
        const order = new Map(sent.map(({ bytes }, index) => [bytes.toString('latin1'), index]));
        const places = carried.map(({ bytes }) => order.get(bytes.toString('latin1')));
        expect(places).not.toContain(undefined);
        expect(places).toEqual([...places].sort((a, b) => a! - b!));
        expect(carried.length + dropped.length).toBe(sent.length);
        expect(model.seen.some(({ body }) => body.includes('/secret/') && pathsMatter === false)).toBe(false);
      }),
      { numRuns: long ? 20_000 : 150 },
    );
  });
});
