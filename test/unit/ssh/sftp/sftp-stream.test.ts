import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { SftpStream } from '#gateway/protocols/ssh/sftp/sftp-stream.ts';
import { ModelServer } from './model-server.ts';
import { attributes, flags, forWriting, packetsOf, reply, request, statusOf } from './packets.ts';
import { converse, Rig, type RigOptions } from './rig.ts';

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const handle = (number: number) => Buffer.from([0, 0, 0, number]);

/** A channel whose version is settled, in front of a model server. */
function channel(options: RigOptions = {}, server = new ModelServer(), rememberMs = 1_000) {
  const rig = new Rig(options);
  const clock = { ms: 0 };
  const stream = new SftpStream(rig, { now: () => clock.ms, rememberMs });
  stream.fromClient(request.init());
  converse(rig, stream, server);
  rig.entries.length = 0;
  return {
    rig,
    stream,
    server,
    clock,
    /** Sends requests and gives what the client gets. */
    say: (...requests: readonly Buffer[]) => {
      stream.fromClient(Buffer.concat(requests));
      return packetsOf(converse(rig, stream, server));
    },
  };
}

const home = new ModelServer().extensions;

describe('what is asked of policy', () => {
  const links = () =>
    new ModelServer()
      .directory('/srv')
      .directory('/srv/real')
      .link('/srv/alias', 'real')
      .file('/srv/real/a', 'hello')
      .link('/srv/to-a', '/srv/alias/a')
      .link('/srv/nowhere', '/srv/real/new')
      .link('/srv/lost', '/srv/missing/new');

  test.each<[string, Buffer, string]>([
    ['open for reading', request.open(1, '/srv/to-a', flags.read), 'sftp:read /srv/real/a'],
    ['open without a direction', request.open(1, '/srv/to-a', 0), 'sftp:read /srv/real/a'],
    ['open that cuts', request.open(1, '/srv/to-a', 16), 'sftp:read /srv/real/a; sftp:write /srv/real/a'],
    ['open that makes', request.open(1, '/srv/alias/n', forWriting), 'sftp:write /srv/real/n'],
    ['open to append', request.open(1, '/srv/to-a', 6), 'sftp:write /srv/real/a'],
    ['open both ways', request.open(1, '/srv/to-a', 3), 'sftp:read /srv/real/a; sftp:write /srv/real/a'],
    ['open of a link to nothing', request.open(1, '/srv/nowhere', forWriting), 'sftp:write /srv/real/new'],
    ['opendir', request.opendir(1, '/srv/alias'), 'sftp:list /srv/real'],
    ['stat', request.stat(1, '/srv/to-a'), 'sftp:stat /srv/real/a'],
    ['lstat', request.lstat(1, '/srv/alias/../alias/to'), 'sftp:stat /srv/real/to'],
    ['lstat of a link', request.lstat(1, '/srv/to-a'), 'sftp:stat /srv/to-a'],
    ['lstat of a link with a slash', request.lstat(1, '/srv/alias/'), 'sftp:stat /srv/real'],
    ['lstat of dots', request.lstat(1, '/srv/alias/..'), 'sftp:stat /srv'],
    ['readlink', request.readlink(1, '/srv/to-a'), 'sftp:stat /srv/to-a'],
    ['realpath', request.realpath(1, '/srv/to-a'), 'sftp:stat /srv/real/a'],
    ['setstat', request.setstat(1, '/srv/to-a', attributes.all()), 'sftp:setstat /srv/real/a'],
    ['lsetstat', request.lsetstat(1, '/srv/to-a', attributes.mode(0o600)), 'sftp:setstat /srv/to-a'],
    ['remove', request.remove(1, '/srv/alias/a'), 'sftp:remove /srv/real/a'],
    ['rmdir', request.rmdir(1, '/srv/real/d'), 'sftp:rmdir /srv/real/d'],
    ['mkdir', request.mkdir(1, '/srv/alias/d/'), 'sftp:mkdir /srv/real/d'],
    [
      'rename',
      request.rename(1, '/srv/to-a', '/srv/alias/b'),
      'sftp:rename /srv/real/b; sftp:rename /srv/to-a',
    ],
    [
      'posix-rename',
      request.posixRename(1, '/srv/to-a', 'b'),
      'sftp:rename /home/u/b; sftp:rename /srv/to-a',
    ],
    ['hardlink', request.hardlink(1, '/srv/to-a', 'b'), 'sftp:hardlink /home/u/b; sftp:hardlink /srv/to-a'],
    ['symlink', request.symlink(1, '../x', '/srv/alias/l'), 'sftp:symlink /srv/real/l; sftp:symlink /srv/x'],
    ['statvfs', request.statvfs(1, '/srv/alias'), 'sftp:stat /srv/real'],
    ['limits', request.limits(1), 'sftp:stat'],
    ['expand-path', request.expandPath(1, '~/x/..'), 'sftp:stat /home/u'],
    ['home-directory', request.homeDirectory(1, 'u'), 'sftp:stat'],
    ['users-groups-by-id', request.usersGroupsById(1, [0], [0, 1]), 'sftp:stat'],
    ['what is relative', request.stat(1, 'x'), 'sftp:stat /home/u/x'],
    ['the empty path', request.stat(1, ''), 'sftp:stat /home/u'],
    ['the root', request.lstat(1, '/'), 'sftp:stat /'],
  ])('%s', (_, bytes, asked) => {
    const server = links().directory('/home/u/x');
    const { rig, say } = channel({}, server);

    const replies = say(bytes);

    expect(rig.of('admit')).toEqual([asked]);
    expect(replies).toHaveLength(1);
    expect(replies[0]!.id).toBe(1);
    // The request itself goes as it came, after all questions.
    expect(server.seen.at(-1)!.bytes).toEqual(bytes);
    expect(rig.of('perform')).toHaveLength(1);
  });

  test.each<[string, Buffer, string]>([
    ['a directory that is missing', request.remove(1, '/srv/no/d/a'), 'sftp:remove /srv/no/d/a'],
    [
      'a link into a directory that is missing',
      request.open(1, '/srv/lost', forWriting),
      'sftp:write /srv/lost',
    ],
    ['a file as a directory', request.stat(1, '/srv/real/a/b/c'), 'sftp:stat /srv/real/a/b/c'],
  ])('%s: the server says no to the question, and that is the answer', (_, bytes, asked) => {
    const server = links();
    const { rig, say } = channel({}, server);

    const replies = say(bytes);

    expect(rig.of('admit')).toEqual([asked]);
    expect(replies.map(statusOf)).toEqual([{ id: 1, code: 2, text: 'no' }]);
    expect(rig.of('perform')).toEqual([]);
    expect(rig.dropOut()).toEqual(bytes);
  });

  test('a server whose REALPATH does not take a missing file: its directory and the name are what is opened', () => {
    const server = links();
    const take = server.take.bind(server);
    const strict = {
      take: (chunk: Buffer) =>
        Buffer.concat(
          packetsOf(chunk).map(({ type, id, bytes }) =>
            type === 16 && bytes.includes('/new') ? reply.status(id, 2, 'strict') : take(bytes),
          ),
        ),
    };
    const { rig, stream } = channel({}, server);

    stream.fromClient(request.open(1, '/srv/alias/new', forWriting));
    const made = packetsOf(converse(rig, stream, strict));
    stream.fromClient(request.open(2, '/srv/nowhere', forWriting));
    const dangling = packetsOf(converse(rig, stream, strict));

    expect(rig.of('admit')).toEqual(['sftp:write /srv/real/new', 'sftp:write /srv/real/new']);
    expect(made[0]!.type).toBe(102);
    expect(dangling[0]!.type).toBe(102);
  });

  test('where no policy looks at paths nothing is asked, and the path is as the client wrote it', () => {
    const { rig, say } = channel({ pathsMatter: false }, links());

    say(request.stat(1, '/srv//alias/./../to-a'), request.stat(2, 'a/../../b'), request.stat(3, ''));

    expect(rig.of('ask')).toEqual([]);
    expect(rig.of('admit')).toEqual(['sftp:stat /srv/to-a', 'sftp:stat ../b', 'sftp:stat .']);
  });

  test('names that are no UTF-8 are readable and told apart', () => {
    const { rig, say } = channel({ pathsMatter: false });

    say(request.stat(1, Buffer.from('2fff2f', 'hex')), request.stat(2, '/ä'));

    expect(rig.of('admit')).toEqual(['sftp:stat /\\xff', 'sftp:stat /ä']);
  });

  test('the digest of a command is that of its packet', () => {
    const { rig, say } = channel({ pathsMatter: false });
    const bytes = request.stat(1, '/srv');

    say(bytes);

    expect(rig.commands[0]).toMatchObject({ digest: sha256(bytes), bytes: bytes.length });
  });

  test('one path asked for twice is one set of facts, which is decided once', () => {
    const { rig, say } = channel();

    say(request.stat(1, 'x'), request.stat(2, '/home/u/x'));

    expect(rig.commands[1]!.facts).toBe(rig.commands[0]!.facts);
  });
});

describe('refusals', () => {
  test('a refused request never reaches the target, and the client reads why', () => {
    const server = new ModelServer().file('/home/u/secret', 's');
    const { rig, say } = channel({ refuses: action => action === 'sftp:remove' }, server);

    const [refusal, stat] = say(request.remove(7, 'secret'), request.stat(8, 'secret'));

    expect(statusOf(refusal!)).toEqual({ id: 7, code: 3, text: 'sftp:remove refused: no. Ask.' });
    expect(stat!.type).toBe(105);
    expect(server.seen.some(({ type }) => type === 13)).toBe(false);
    expect(rig.dropOut()).toEqual(request.remove(7, 'secret'));
  });

  test('a refused link does not hide behind its name', () => {
    const server = new ModelServer()
      .directory('/etc')
      .file('/etc/shadow', 's')
      .link('/home/u/l', '/etc/shadow');
    const { say } = channel({ refuses: (_, object) => object.startsWith('/etc/') }, server);

    const replies = say(request.open(1, 'l', flags.read), request.open(2, 'l/../shadow', flags.read));

    expect(replies.map(packet => statusOf(packet).code)).toEqual([3, 2]);
    expect(server.seen.some(({ type }) => type === 3)).toBe(false);
  });

  test('an answer of the gateway never falls into a packet of the server', () => {
    const server = new ModelServer().file('/home/u/f', 'x'.repeat(1_000));
    const { rig, stream, say } = channel({ refuses: action => action === 'sftp:remove' }, server);
    say(request.open(1, 'f', flags.read));
    stream.fromClient(request.read(2, handle(0), 0, 1_000));
    const answer = server.take(rig.sent());

    stream.fromServer(answer.subarray(0, 500));
    stream.fromClient(request.remove(3, '/f'));
    stream.fromServer(answer.subarray(500));

    expect(packetsOf(rig.received()).map(({ id }) => id)).toEqual([2, 3]);
  });

  test.each([
    ['an unknown type', request.unknownType(5, 99)],
    ['LINK of a later version', request.unknownType(5, 21)],
    ['an unknown extension', request.unknownExtension(5, 'flock@openssh.com')],
  ])('%s is refused, even where policy permits everything', (_, bytes) => {
    const { rig, server, say } = channel();
    const before = server.seen.length;

    const replies = say(bytes, request.stat(6, '/home'));

    expect(replies.map(({ id, type }) => [id, type])).toEqual([
      [5, 101],
      [6, 105],
    ]);
    expect(statusOf(replies[0]!).code).toBe(8);
    expect(rig.of('admit')[0]).toMatch(/^sftp:unknown (type \d+|flock@openssh.com)$/);
    expect(rig.of('refused')).toEqual(['unsupported']);
    expect(server.seen.slice(before).map(({ type }) => type)).toEqual([16, 17]);
  });

  test('a path longer than a path can be', () => {
    const { rig, say } = channel();

    const replies = say(request.stat(1, 'x'.repeat(4_096)));

    expect(statusOf(replies[0]!).code).toBe(5);
    expect(rig.of('refused')).toEqual(['unsupported']);
    expect(rig.of('fail')).toEqual([]);
  });
});

describe('handles', () => {
  const two = () => new ModelServer().file('/home/u/r', 'read me').file('/home/u/w', 'old');

  test('what goes with a handle that was opened for it passes without another decision', () => {
    const { rig, say } = channel({}, two());
    say(request.open(1, 'r', flags.read), request.open(2, 'w', forWriting), request.opendir(3, '.'));
    rig.entries.length = 0;

    const replies = say(
      request.read(4, handle(0), 0, 100),
      request.write(5, handle(1), 0, 'new'),
      request.readdir(6, handle(2)),
      request.fstat(7, handle(0)),
      request.fstatvfs(8, handle(0)),
      request.fsync(9, handle(1)),
      request.close(10, handle(0)),
      request.close(11, handle(1)),
      request.close(12, handle(2)),
    );

    expect(replies.map(({ id, type }) => [id, type])).toEqual([
      [4, 103],
      [5, 101],
      [6, 104],
      [7, 105],
      [8, 201],
      [9, 101],
      [10, 101],
      [11, 101],
      [12, 101],
    ]);
    expect(rig.of('admit')).toEqual([]);
  });

  test.each<[string, Buffer, number]>([
    ['READ of what was opened to be written', request.read(9, handle(1), 0, 1), 3],
    ['WRITE to what was opened to be read', request.write(9, handle(0), 0, 'x'), 3],
    ['READ of a directory', request.read(9, handle(2), 0, 1), 4],
    ['copy-data of a directory', request.copyData(9, handle(2), handle(1)), 4],
    ['READ of a handle that was never given', request.read(9, handle(7), 0, 1), 4],
    ['WRITE to a handle that was never given', request.write(9, handle(7), 0, 'abc'), 4],
    ['CLOSE of a handle that was never given', request.close(9, handle(7)), 4],
    ['FSTAT of a handle that was never given', request.fstat(9, handle(7)), 4],
    ['FSETSTAT of a handle that was never given', request.fsetstat(9, handle(7), attributes.size(0)), 4],
    ['copy-data from what was opened to be written', request.copyData(9, handle(1), handle(1)), 3],
    ['copy-data to what was opened to be read', request.copyData(9, handle(0), handle(0)), 3],
    ['copy-data to a handle that was never given', request.copyData(9, handle(0), handle(7)), 4],
  ])('%s is refused', (_, bytes, code) => {
    const server = two();
    const { rig, say } = channel({}, server);
    say(request.open(1, 'r', flags.read), request.open(2, 'w', forWriting), request.opendir(3, '.'));
    const before = server.seen.length;

    const replies = say(bytes);

    expect(replies.map(statusOf)).toMatchObject([{ id: 9, code }]);
    expect(server.seen).toHaveLength(before);
    expect(rig.dropOut()).toEqual(bytes);
    expect(rig.of('refused')).toEqual(['denied']);
  });

  test('a handle is gone with its CLOSE', () => {
    const { say } = channel({}, two());
    say(request.open(1, 'r', flags.read));

    const replies = say(request.close(2, handle(0)), request.read(3, handle(0), 0, 1));

    expect(replies.map(packet => statusOf(packet).code).sort()).toEqual([0, 4]);
  });

  test('FSETSTAT is decided on the path of the handle, copy-data on both', () => {
    const { rig, say } = channel({}, two());
    say(request.open(1, 'r', flags.read), request.open(2, 'w', forWriting));
    rig.entries.length = 0;

    say(request.fsetstat(3, handle(1), attributes.mode(0o600)), request.copyData(4, handle(0), handle(1)));

    expect(rig.of('admit')).toEqual(['sftp:setstat /home/u/w', 'sftp:copy /home/u/r; sftp:copy /home/u/w']);
    expect(rig.of('perform')).toEqual([
      { operation: 'fsetstat', path: '/home/u/w', attributes: { mode: '600' } },
      { operation: 'copy-data', path: '/home/u/r', to: '/home/u/w' },
    ]);
  });

  test('there is an end to open handles', () => {
    const rig = new Rig({ pathsMatter: false });
    const stream = new SftpStream(rig, { limits: { handles: 2 } });
    const server = two();
    stream.fromClient(
      Buffer.concat([
        request.init(),
        request.open(1, 'r', flags.read),
        request.open(2, 'r', flags.read),
        request.open(3, 'r', flags.read),
      ]),
    );

    const replies = packetsOf(converse(rig, stream, server)).slice(1);

    expect(replies.map(({ id, type }) => [id, type])).toContainEqual([3, 101]);
    expect(rig.of('refused')).toEqual(['tooMany']);
  });
});

describe('files', () => {
  const content = Buffer.from('0123456789'.repeat(10));
  const opened = (pflags: number) => {
    const server = new ModelServer().file('/home/u/f', content);
    const all = channel({}, server);
    all.say(request.open(1, 'f', pflags));
    return all;
  };
  const written = (bytes: number, rest: object) => [
    { path: '/home/u/f', direction: 'write', bytes, ...rest },
  ];

  test('what is read has its digest at the answer to CLOSE', () => {
    const { rig, say } = opened(flags.read);

    say(
      request.read(2, handle(0), 0, 60),
      request.read(3, handle(0), 60, 60),
      request.read(4, handle(0), 100, 60),
    );
    expect(rig.of('file')).toEqual([]);
    say(request.close(5, handle(0)));

    expect(rig.of('file')).toEqual([
      { path: '/home/u/f', direction: 'read', bytes: 100, sha256: sha256(content) },
    ]);
  });

  test('what is written in any order has its digest', () => {
    const { rig, say } = opened(forWriting);

    say(
      request.write(2, handle(0), 6, 'ghi'),
      request.write(3, handle(0), 3, 'def'),
      request.write(4, handle(0), 0, 'abc'),
      request.close(5, handle(0)),
    );

    expect(rig.of('file')).toEqual(written(9, { sha256: sha256('abcdefghi') }));
  });

  test('an empty file has the digest of nothing', () => {
    const { rig, say } = opened(forWriting);

    say(request.close(5, handle(0)));

    expect(rig.of('file')).toEqual(written(0, { sha256: sha256('') }));
  });

  test.each<[string, readonly Buffer[], number, string]>([
    ['a hole', [request.write(2, handle(0), 3, 'def')], 3, 'its parts did not pass once each'],
    [
      'a second writing',
      [request.write(2, handle(0), 0, 'abc'), request.write(3, handle(0), 1, 'x')],
      4,
      'its parts did not pass once each',
    ],
    [
      'a cut',
      [request.write(2, handle(0), 0, 'abc'), request.fsetstat(3, handle(0), attributes.size(1))],
      3,
      'it was cut or lengthened',
    ],
  ])('%s leaves no digest, and says why', (_, requests, bytes, why) => {
    const { rig, say } = opened(forWriting);

    say(...requests, request.close(9, handle(0)));

    expect(rig.of('file')).toEqual(written(bytes, { sha256: null, why }));
  });

  test('a cut to what was written, as clients make it that write in place, changes nothing', () => {
    const { rig, say } = opened(flags.write | flags.create);

    say(
      request.write(2, handle(0), 0, 'abc'),
      request.fsetstat(3, handle(0), attributes.size(3)),
      request.close(4, handle(0)),
    );

    expect(rig.of('file')).toEqual(written(3, { sha256: sha256('abc') }));
  });

  test('what is appended, refused by the target or copied within it has no digest', () => {
    const appended = opened(flags.write | flags.append);
    appended.say(request.write(2, handle(0), 0, 'abc'), request.close(3, handle(0)));
    const copied = opened(flags.read);
    copied.say(request.open(2, 'g', forWriting));
    copied.say(request.copyData(3, handle(0), handle(1)), request.close(4, handle(1)));
    const failed = opened(forWriting);
    failed.stream.fromClient(
      Buffer.concat([request.write(2, handle(0), 0, 'abc'), request.close(3, handle(0))]),
    );
    failed.stream.fromServer(Buffer.concat([reply.status(2, 4), reply.status(3, 0)]));

    expect(appended.rig.of('file')).toEqual(
      written(3, { sha256: null, why: 'it was appended to what was there' }),
    );
    expect(copied.rig.of('file')[0]).toMatchObject({
      sha256: null,
      why: 'parts of it were copied within the target',
    });
    expect(failed.rig.of('file')).toEqual(
      written(3, { sha256: null, why: 'the target did not take all of it' }),
    );
  });

  test('pieces that come too early by too much are not kept', () => {
    const rig = new Rig({ pathsMatter: false });
    const stream = new SftpStream(rig, { limits: { earlyBytes: 400 } });
    const server = new ModelServer();
    stream.fromClient(Buffer.concat([request.init(), request.open(1, 'f', forWriting)]));
    converse(rig, stream, server);

    stream.fromClient(
      Buffer.concat([
        request.write(2, handle(0), 100, 'a'.repeat(100)),
        request.write(3, handle(0), 200, 'b'.repeat(100)),
        request.write(4, handle(0), 0, 'c'.repeat(100)),
        request.close(5, handle(0)),
      ]),
    );
    converse(rig, stream, server);

    expect(rig.of('file')).toMatchObject([{ bytes: 300, sha256: null }]);
    expect(server.content('/home/u/f')).toBe('c'.repeat(100) + 'a'.repeat(100) + 'b'.repeat(100));
  });

  test('both directions on one handle are two records', () => {
    const { rig, say } = opened(flags.read | flags.write);

    say(request.read(2, handle(0), 0, 100));
    say(request.write(3, handle(0), 0, 'abc'), request.close(4, handle(0)));

    expect(rig.of('file').map(({ direction, bytes }) => [direction, bytes])).toEqual([
      ['read', 100],
      ['write', 3],
    ]);
  });

  test('what is open when the channel ends is written down once', () => {
    const { rig, stream, say } = opened(flags.read);
    say(request.read(2, handle(0), 0, 100));
    stream.fromClient(request.read(3, handle(0), 100, 100));

    stream.serverEnd();
    stream.serverEnd();

    expect(rig.of('file')).toEqual([
      {
        path: '/home/u/f',
        direction: 'read',
        bytes: 100,
        sha256: null,
        why: 'not all that was asked for was answered',
      },
    ]);
  });
});

describe('the canonical paths that are remembered', () => {
  const asks = (server: ModelServer, from: number) =>
    server.seen.slice(from).filter(({ type }) => type === 16).length;

  test('a thousand removals of files in one directory would ask each time, a thousand looks ask once', () => {
    const server = new ModelServer().directory('/home/u/d');
    const { say } = channel({}, server);
    const before = server.seen.length;

    for (let id = 1; id <= 1_000; id += 1) say(request.lstat(id, `/home/u/d/${id}`));

    expect(asks(server, before)).toBe(1);
  });

  test.each<[string, Buffer]>([
    ['rename', request.rename(2, '/home/u/d', '/home/u/e')],
    ['posix-rename', request.posixRename(2, '/home/u/d', '/home/u/e')],
    ['symlink', request.symlink(2, '/etc', '/home/u/x')],
    ['remove', request.remove(2, '/home/u/x')],
    ['rmdir', request.rmdir(2, '/home/u/x')],
    ['hardlink', request.hardlink(2, '/home/u/x', '/home/u/y')],
  ])('%s in the channel forgets them', (_, bytes) => {
    const server = new ModelServer().directory('/home/u/d').file('/home/u/x', '');
    const { say } = channel({}, server);
    say(request.lstat(1, '/home/u/d/a'), bytes);
    const before = server.seen.length;

    say(request.lstat(3, '/home/u/d/a'));

    expect(asks(server, before)).toBe(1);
  });

  test('a link that takes the place of a directory is seen by what comes behind it, however close', () => {
    const server = new ModelServer().directory('/home/u/d').directory('/etc').file('/etc/f', 's');
    const { rig, say } = channel({ refuses: (_, object) => object.startsWith('/etc') }, server);

    const replies = say(
      request.lstat(1, 'd/f'),
      request.rename(2, 'd', 'e'),
      // The one who made the link may say where it leads, but not go there.
      request.rename(3, 'ready', 'd'),
      request.remove(4, 'd/f'),
    );
    server.link('/home/u/ready', '/etc');
    const again = say(request.rename(5, 'ready', 'd'), request.remove(6, 'd/f'));

    expect(replies.map(packet => packet.id)).toEqual([1, 2, 3, 4]);
    expect(statusOf(again[1]!)).toMatchObject({ id: 6, code: 3 });
    expect(rig.of('admit').at(-1)).toBe('sftp:remove /etc/f');
    expect(server.content('/etc/f')).toBe('s');
  });

  test('while names may be changing their meaning, nobody is asked what they mean', () => {
    const server = new ModelServer().directory('/home/u/d');
    const { rig, stream } = channel({}, server);
    const answerTo = (bytes: Buffer) => stream.fromServer(server.take(bytes));
    stream.fromClient(Buffer.concat([request.rename(1, '/a', '/b'), request.lstat(2, '/home/u/d/x')]));

    const rename = rig.sent();
    expect(packetsOf(rename).map(({ type }) => type)).toEqual([18]);
    expect(rig.sent()).toHaveLength(0);
    answerTo(rename);

    expect(packetsOf(rig.sent()).map(({ type }) => type)).toEqual([16]);
  });

  test('they are remembered for a moment only', () => {
    const server = new ModelServer().directory('/home/u/d');
    const { say, clock } = channel({}, server);
    say(request.lstat(1, '/home/u/d/a'));
    const before = server.seen.length;

    clock.ms = 999;
    say(request.lstat(2, '/home/u/d/a'));
    expect(asks(server, before)).toBe(0);
    clock.ms = 1_000;
    say(request.lstat(3, '/home/u/d/a'));
    expect(asks(server, before)).toBe(1);
  });

  test('or not at all', () => {
    const server = new ModelServer().directory('/home/u/d');
    const { say } = channel({}, server, 0);
    say(request.lstat(1, '/home/u/d/a'));
    const before = server.seen.length;

    say(request.lstat(2, '/home/u/d/a'));

    expect(asks(server, before)).toBe(1);
  });
});

describe('the version', () => {
  const start = (init: Buffer) => {
    const rig = new Rig();
    const stream = new SftpStream(rig);
    stream.fromClient(init);
    return { rig, stream };
  };

  test('INIT and VERSION pass', () => {
    const { rig, stream } = start(request.init());
    const version = reply.version(3, ...home, ['limits@openssh.com', '1'], ['statvfs@openssh.com', '2']);

    stream.fromServer(version);

    expect(rig.sent()).toEqual(request.init());
    expect(rig.received()).toEqual(version);
    expect(rig.swallowedBytes).toBe(0);
  });

  test('extensions that are not known are taken out, and a known one of another version', () => {
    const { rig, stream } = start(request.init());
    const version = reply.version(3, ['check-file', ''], ['copy-data', '1'], ['limits@openssh.com', '9']);

    stream.fromServer(version);

    expect(rig.received()).toEqual(reply.version(3, ['copy-data', '1']));
    expect(rig.swallowedBytes).toBe(version.length);
  });

  test.each([
    ['a newer version', request.init(6)],
    ['words of its own', request.init(3, Buffer.from('\0\0\0\u0001x\0\0\0\0', 'latin1'))],
  ])('a client with %s is held to what is spoken', (_, init) => {
    const { rig } = start(init);

    expect(rig.sent()).toEqual(request.init());
    expect(rig.dropOut()).toEqual(init);
  });

  test('a client of before version 3 and a server of another version are not spoken with', () => {
    const old = start(request.init(2));
    const other = start(request.init());
    other.stream.fromServer(reply.version(2));

    expect(old.rig.of('fail')).toEqual(['protocolViolation']);
    expect(other.rig.of('fail')).toEqual(['protocolViolation']);
    expect(other.rig.received()).toHaveLength(0);
  });

  test('requests wait for it', () => {
    const { rig, stream } = start(Buffer.concat([request.init(), request.limits(1)]));
    expect(rig.sent()).toEqual(request.init());

    stream.fromServer(reply.version(3));

    expect(rig.sent()).toEqual(request.limits(1));
  });
});

describe('bounds', () => {
  test('a client with too much under way waits, and goes on where there is room', () => {
    const server = new ModelServer().file('/home/u/f', 'abc');
    const rig = new Rig({ pathsMatter: false });
    const stream = new SftpStream(rig, { limits: { requests: 3 } });
    stream.fromClient(Buffer.concat([request.init(), request.open(1, 'f', flags.read)]));
    converse(rig, stream, server);

    stream.fromClient(Buffer.concat([2, 3, 4, 5, 6].map(id => request.read(id, handle(0), 0, 1))));
    const first = rig.sent();
    expect(packetsOf(first).map(({ id }) => id)).toEqual([2, 3, 4]);
    stream.fromServer(server.take(first));

    expect(packetsOf(rig.sent()).map(({ id }) => id)).toEqual([5, 6]);
  });

  test('refusals that cannot be told yet count as well', () => {
    const server = new ModelServer().file('/home/u/f', 'abc');
    const rig = new Rig({ pathsMatter: false, refuses: action => action === 'sftp:remove' });
    const stream = new SftpStream(rig, { limits: { requests: 3 } });
    stream.fromClient(Buffer.concat([request.init(), request.open(1, 'f', flags.read)]));
    converse(rig, stream, server);
    stream.fromClient(request.read(2, handle(0), 0, 3));
    const answer = server.take(rig.sent());
    stream.fromServer(answer.subarray(0, 14));
    rig.received();

    stream.fromClient(Buffer.concat([3, 4, 5, 6, 7].map(id => request.remove(id, 'f'))));
    expect(rig.of('admit')).toHaveLength(4);
    stream.fromServer(answer.subarray(14));

    expect(rig.received().subarray(0, 2)).toEqual(answer.subarray(14));
    expect(rig.of('admit')).toHaveLength(6);
  });

  test('what waits is bounded', () => {
    const rig = new Rig();
    const stream = new SftpStream(rig, { limits: { heldBytes: 100 } });

    stream.fromClient(Buffer.concat([request.init(), request.stat(1, 'x'.repeat(200))]));

    expect(rig.of('fail')).toEqual(['protocolViolation']);
  });

  test('the client that has ended is done when what it sent has gone', () => {
    const { rig, stream, server } = channel();
    stream.fromClient(request.remove(1, 'x'));

    stream.clientEnd();
    expect(rig.of('clientDone')).toHaveLength(0);
    converse(rig, stream, server);

    expect(rig.entries.at(-1)).toEqual(['clientDone']);
    expect(server.seen.at(-1)!.type).toBe(13);
  });

  test('a channel that is closed: what waited is dropped', () => {
    const { rig, stream } = channel();
    stream.fromClient(Buffer.concat([request.remove(1, 'x'), request.remove(2, 'y')]));

    stream.serverEnd();

    expect(rig.dropOut()).toEqual(Buffer.concat([request.remove(1, 'x'), request.remove(2, 'y')]));
  });

  test.each([
    ['at once', false],
    ['behind a question', true],
  ])('a channel that ends because an answer finds no room, %s, does nothing more', (_, waits) => {
    const server = new ModelServer();
    const { rig, stream } = channel({ refuses: action => action === 'sftp:remove' }, server);
    const requests = [
      ...(waits ? [request.stat(1, '/x')] : [request.limits(1)]),
      request.remove(2, '/a'),
      request.remove(3, '/b'),
      request.mkdir(4, '/c'),
    ];
    rig.answers = 1;
    rig.full = () => stream.serverEnd();

    stream.fromClient(Buffer.concat(requests));
    converse(rig, stream, server);
    stream.fromClient(request.mkdir(5, '/d'));
    stream.clientEnd();
    stream.serverEnd();

    expect(rig.of('perform').map(({ operation }) => operation)).toEqual([waits ? 'stat' : 'limits']);
    expect(rig.dropOut()).toEqual(Buffer.concat(requests.slice(1)));
    expect(rig.of('clientDone')).toHaveLength(0);
  });

  test('the client that ends within a packet', () => {
    const { rig, stream } = channel();

    stream.fromClient(request.remove(1, 'x').subarray(0, 7));
    stream.clientEnd();

    expect(rig.dropOut()).toEqual(request.remove(1, 'x').subarray(0, 7));
    expect(rig.of('clientDone')).toHaveLength(1);
  });
});
