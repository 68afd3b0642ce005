import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { scpStream } from '#gateway/protocols/ssh/scp/index.ts';
import type { FileStream } from '#gateway/protocols/ssh/sftp/port.ts';
import { Rig, type RigOptions } from '../sftp/rig.ts';
import { scpLine } from './scp-line.ts';

const long = process.env['SALLYPORT_LONG'] === '1';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function start(words: string, options: RigOptions = {}) {
  const rig = new Rig(options);
  const stream = scpStream(rig, scpLine(words));
  return { rig, stream };
}

/** `>` the client says, `<` the target says. */
type Line = readonly ['>' | '<', string];

function say(stream: FileStream, lines: readonly Line[], size = Number.POSITIVE_INFINITY): void {
  for (const [who, text] of lines) {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; at += size) {
      const piece = Buffer.from(bytes.subarray(at, at + size));
      if (who === '>') stream.fromClient(piece);
      else stream.fromServer(piece);
      piece.fill(0xee);
    }
  }
}

const said = (lines: readonly Line[], who: '>' | '<') =>
  lines
    .filter(([side]) => side === who)
    .map(([, text]) => text)
    .join('');

const upload: readonly Line[] = [
  ['<', '\0'],
  ['>', 'T1700000000 0 1700000001 0\n'],
  ['<', '\0'],
  ['>', 'D0755 0 dir\n'],
  ['<', '\0'],
  ['>', 'C0644 5 a b\n'],
  ['<', '\0'],
  ['>', 'hello\0'],
  ['<', '\0'],
  ['>', '\x01scp: x: no such file\n'],
  ['>', 'C0600 0 empty\n'],
  ['<', '\0'],
  ['>', '\0'],
  ['<', '\0'],
  ['>', 'C0600 3 lost\n'],
  ['<', '\x01scp: lost: Permission denied\n'],
  ['>', 'C0600 3 full\n'],
  ['<', '\0'],
  ['>', 'abc\0'],
  ['<', '\x01scp: full: No space left on device\n'],
  ['>', 'C0600 3 bad\n'],
  ['<', '\0'],
  ['>', 'ab\0\x01scp: bad: Input/output error\n'],
  ['<', '\0'],
  ['>', 'E\n'],
  ['<', '\0'],
];
/** The same, seen from the other side: what the client says there the target says here. */
const download = upload.map(([who, text]): Line => [who === '>' ? '<' : '>', text]);

describe('a client that sends files', () => {
  test('everything passes as it came, each file is a command, and has its digest', () => {
    const { rig, stream } = start('scp -r -p -d -t /srv');

    say(stream, upload);
    stream.clientEnd();
    stream.serverEnd();

    expect(rig.sent().toString('latin1')).toBe(said(upload, '>'));
    expect(rig.received().toString('latin1')).toBe(said(upload, '<'));
    expect(rig.of('admit')).toEqual([
      'sftp:mkdir /srv/dir',
      'sftp:write /srv/dir/a b',
      'sftp:write /srv/dir/empty',
      'sftp:write /srv/dir/lost',
      'sftp:write /srv/dir/full',
      'sftp:write /srv/dir/bad',
    ]);
    expect(rig.of('perform').slice(0, 2)).toEqual([
      { operation: 'mkdir', path: '/srv/dir', attributes: { mode: '0755' } },
      { operation: 'write', path: '/srv/dir/a b', size: 5, attributes: { mode: '0644' } },
    ]);
    const file = (path: string, bytes: number, rest: object) => ({
      path,
      direction: 'write',
      bytes,
      ...rest,
    });
    expect(rig.of('file')).toEqual([
      file('/srv/dir/a b', 5, { sha256: sha256('hello') }),
      file('/srv/dir/empty', 0, { sha256: sha256('') }),
      file('/srv/dir/full', 3, { sha256: null, why: 'the target did not take all of it' }),
      file('/srv/dir/bad', 3, { sha256: null, why: 'the client could not read all of it' }),
    ]);
    expect(rig.entries.at(-1)).toEqual(['clientDone']);
  });

  test('a refused file and a refused directory do not reach the target, and the next file does', () => {
    const { rig, stream } = start('scp -r -d -t /srv', { refuses: (_, object) => object.includes('secret') });

    say(stream, [
      ['<', '\0'],
      ['>', 'C0644 5 secret\n'],
      ['>', 'D0755 0 secrets\n'],
      ['>', 'C0644 2 ok\n'],
      ['<', '\0'],
      ['>', 'hi\0'],
      ['<', '\0'],
    ]);

    expect(rig.sent().toString()).toBe('C0644 2 ok\nhi\0');
    expect(rig.received().toString()).toBe(
      '\0\x01scp: secret: sftp:write refused: no. Ask.\n\x01scp: secrets: sftp:mkdir refused: no. Ask.\n\0\0',
    );
    expect(rig.dropOut().toString()).toBe('C0644 5 secret\nD0755 0 secrets\n');
  });

  test('where a file may be one of two, both must be permitted', () => {
    const { rig, stream } = start('scp -t /srv/a', { refuses: (_, object) => object === '/srv/a/b' });

    say(stream, [
      ['<', '\0'],
      ['>', 'C0644 5 b\n'],
      ['>', 'C0644 5 c\n'],
    ]);

    expect(rig.sent().toString()).toBe('C0644 5 c\n');
    expect(rig.of('perform')).toMatchObject([{ path: '/srv/a', orPath: '/srv/a/c' }]);
  });

  test.each(['../x', 'a/b', '..', '.', '/etc/passwd'])('the name %s is refused', name => {
    const { rig, stream } = start('scp -t /srv');

    say(stream, [
      ['<', '\0'],
      ['>', `C0644 5 ${name}\n`],
    ]);

    expect(rig.sent()).toHaveLength(0);
    expect(rig.received().toString()).toBe(`\0\x01scp: unexpected filename "${name}".\n`);
    expect(rig.of('refused')).toEqual(['denied']);
  });

  test('what is a file for the target is none that was refused: the answer says what comes next', () => {
    const { rig, stream } = start('scp -t /srv/d/');

    // A client that does not wait hides a line in what the target does not take for a body.
    say(stream, [
      ['<', '\0'],
      ['>', 'C0644 14 a\nC0644 1 hidden\nx\0'],
      ['<', '\x01scp: a: Permission denied\n'],
    ]);

    expect(rig.of('admit')).toEqual(['sftp:write /srv/d/a', 'sftp:write /srv/d/hidden']);
  });

  test('a target that says why it goes is heard, and nothing more is begun', () => {
    const { rig, stream } = start('scp -d -t /srv');

    say(stream, [
      ['<', '\0'],
      ['>', 'C0644 4 a\n'],
      ['<', '\0'],
      ['>', 'ab'],
      ['<', '\x01scp: dropped connection\n'],
      ['>', 'cd\0C0644 1 b\nx\0'],
      ['<', '\0'],
    ]);
    stream.serverEnd();

    expect(rig.received().toString()).toBe('\0\0\x01scp: dropped connection\n\0');
    expect(rig.sent().toString()).toBe('C0644 4 a\nabcd\0');
    expect(rig.of('admit')).toHaveLength(1);
  });

  test('a transfer that breaks off is written down', () => {
    const { rig, stream } = start('scp -d -t /srv');

    say(stream, [
      ['<', '\0'],
      ['>', 'C0644 4 a\n'],
      ['<', '\0'],
      ['>', 'ab'],
    ]);
    stream.serverEnd();
    stream.serverEnd();

    expect(rig.of('file')).toEqual([
      { path: '/srv/a', direction: 'write', bytes: 2, sha256: null, why: 'the transfer ended early' },
    ]);
  });
});

describe('a target that sends files', () => {
  test('everything passes as it came, each file is a command, and has its digest', () => {
    const { rig, stream } = start('scp -r -p -f /srv/dir');

    say(stream, download);
    stream.clientEnd();
    stream.serverEnd();

    expect(rig.sent().toString('latin1')).toBe(said(download, '>'));
    expect(rig.received().toString('latin1')).toBe(said(download, '<'));
    expect(rig.of('admit')).toEqual([
      'sftp:list /srv/dir',
      'sftp:read /srv/dir/a b',
      'sftp:read /srv/dir/empty',
      'sftp:read /srv/dir/lost',
      'sftp:read /srv/dir/full',
      'sftp:read /srv/dir/bad',
    ]);
    expect(rig.of('perform').map(({ path }) => path)).not.toContain('/srv/dir/lost');
    expect(rig.of('file').map(({ path, sha256: digest, why }) => [path, digest ?? why])).toEqual([
      ['/srv/dir/a b', sha256('hello')],
      ['/srv/dir/empty', sha256('')],
      ['/srv/dir/full', 'the client did not take all of it'],
      ['/srv/dir/bad', 'the target could not read all of it'],
    ]);
  });

  test('the client learns of a refused file that it is refused, and the target that it is not wanted', () => {
    const { rig, stream } = start('scp -f /srv/*', { refuses: (_, object) => object.includes('secret') });

    say(stream, [
      ['>', '\0'],
      ['<', 'C0644 5 secret\n'],
      ['<', 'C0644 2 ok\n'],
      ['>', '\0'],
      ['<', 'hi\0'],
      ['>', '\0'],
    ]);

    expect(rig.received().toString()).toBe('\x01scp: secret: sftp:read refused: no. Ask.\nC0644 2 ok\nhi\0');
    expect(rig.sent().toString()).toBe('\0\x01scp: refused\n\0\0');
    expect(rig.swallowedBytes).toBe('C0644 5 secret\n'.length);
  });

  test('a client that answers before it is asked gives no leave to send what is refused', () => {
    const { rig, stream } = start('scp -f /srv/*', { refuses: (_, object) => object.includes('secret') });

    say(stream, [
      ['>', '\0\0\0\0'],
      ['<', 'C0644 5 secret\n'],
    ]);

    expect(rig.sent().toString()).toBe('\0\x01scp: refused\n');
  });

  test('a file of which the command says nothing is asked about as what is not known', () => {
    const { rig, stream } = start('scp -f /srv/a');

    say(stream, [
      ['>', '\0'],
      ['<', 'C0644 5 shadow\n'],
    ]);

    expect(rig.of('admit')).toEqual(['sftp:unknown shadow']);
  });
});

test('a channel that ends because an answer finds no room does nothing more', () => {
  const refuses = () => true;
  const there = start('scp -d -t /srv', { refuses });
  const here = start('scp -f /srv/*', { refuses });
  for (const { rig, stream } of [there, here]) {
    rig.answers = 0;
    rig.full = () => stream.serverEnd();
  }

  say(there.stream, [
    ['<', '\0'],
    ['>', 'C0644 5 a\nC0644 5 b\n'],
    ['>', 'C0644 5 c\n'],
  ]);
  say(here.stream, [
    ['>', '\0'],
    ['<', 'C0644 5 a\nC0644 5 b\n'],
  ]);

  expect(there.rig.dropOut().toString()).toBe('C0644 5 a\nC0644 5 b\n');
  expect(there.rig.of('admit')).toHaveLength(1);
  expect(here.rig.sent().toString()).toBe('\0');
  expect(here.rig.of('admit')).toHaveLength(1);
});

describe('however it is cut', () => {
  const run = (words: string, lines: readonly Line[], size?: number) => {
    const { rig, stream } = start(words, { refuses: (_, object) => object.includes('lost') });
    say(stream, lines, size);
    stream.clientEnd();
    stream.serverEnd();
    return [rig.sent().toString('latin1'), rig.received().toString('latin1'), rig.entries];
  };

  test.each([1, 2, 3, 4, 5, 7, 11])('into pieces of %i it comes to the same', size => {
    const up = upload.filter(([, text]) => !text.includes('lost: '));
    const down = download.filter(([, text]) => !text.includes('lost: '));

    expect(run('scp -r -p -d -t /srv', up, size)).toEqual(run('scp -r -p -d -t /srv', up));
    expect(run('scp -r -p -f /srv/dir', down, size)).toEqual(run('scp -r -p -f /srv/dir', down));
  });

  test('all that one side says at once waits for its turn', () => {
    const together = start('scp -r -p -d -t /srv');
    together.stream.fromClient(Buffer.from(said(upload, '>'), 'latin1'));
    for (const [who, text] of upload) if (who === '<') say(together.stream, [[who, text]]);

    expect(together.rig.sent().toString('latin1')).toBe(said(upload, '>'));
    expect(together.rig.of('file')).toHaveLength(4);
  });
});

describe('what is not the protocol ends the channel, and does not pass', () => {
  test.each([
    '\n',
    'X\n',
    'C0644 5\n',
    'C644 5 a\n',
    'C0648 5 a\n',
    'C0644 5 \n',
    'C0644 -5 a\n',
    'C0644 +5 a\n',
    'C0644 0x5 a\n',
    'C0644 9999999999999999999 a\n',
    'C0644  5 a\n',
    'C0644 5 a\0/../b\n',
    'T1 0 1\n',
    'T1 0 1 9999999\n',
    'Eat\n',
    'E\n',
    `C0644 5 ${'a'.repeat(2_048)}\n`,
    'a'.repeat(3_000),
  ])('%j from the client', line => {
    const { rig, stream } = start('scp -t /srv');

    say(stream, [
      ['<', '\0'],
      ['>', line],
      ['>', 'C0644 1 a\n'],
    ]);

    expect(rig.of('fail')).toEqual(['protocolViolation']);
    expect(rig.sent()).toHaveLength(0);
  });

  test.each<[string, string, readonly Line[]]>([
    ['an answer to nothing', 'scp -t /srv', [['<', '\0\0']]],
    [
      'an answer of the client that would be read as two',
      'scp -f /srv/a',
      [['>', `\x01${'a'.repeat(2_047)}\0`]],
    ],
    [
      'the words of a shell',
      'scp -f /srv/a',
      [
        ['>', '\0'],
        ['<', 'Welcome to this host\n'],
      ],
    ],
  ])('%s', (_, words, lines) => {
    const { rig, stream } = start(words);

    say(stream, lines);

    expect(rig.of('fail')).toEqual(['protocolViolation']);
  });

  test('directories without an end', () => {
    const { rig, stream } = start('scp -r -d -t /srv');

    say(stream, [['<', '\0']]);
    for (let depth = 0; depth < 300; depth += 1) {
      say(stream, [
        ['>', 'D0755 0 d\n'],
        ['<', '\0'],
      ]);
    }

    expect(rig.of('fail')).toEqual(['protocolViolation']);
  });

  test('a client that sends what is not its turn', () => {
    const { rig, stream } = start('scp -t /srv');
    const chunk = Buffer.alloc(1024 * 1024);

    for (let sent = 0; sent < 64 && rig.of('fail').length === 0; sent += 1) stream.fromClient(chunk);

    expect(rig.of('fail')).toEqual(['protocolViolation']);
  });

  test('whatever comes, nothing is thrown and the channel ends at most once', () => {
    const bytes = fc.oneof(
      fc.constantFrom(
        '\0',
        '\x01no\n',
        '\x02no\n',
        'C0644 3 a\n',
        'D0755 0 d\n',
        'E\n',
        'T1 0 1 0\n',
        'abc',
        '\n',
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('scp -t /srv', 'scp -f /srv/*'),
        fc.array(fc.tuple(fc.constantFrom<'>' | '<'>('>', '<'), bytes), { maxLength: 40 }),
        (words, lines) => {
          const { rig, stream } = start(words, { refuses: (_, object) => object.endsWith('/a') });

          say(stream, lines);
          stream.clientEnd();
          stream.serverEnd();

          expect(rig.of('fail').length).toBeLessThanOrEqual(1);
          // Nothing that names a refused file reaches a target that would write it.
          if (words.includes('-t')) expect(rig.sent().toString()).not.toContain('C0644 3 a\n');
        },
      ),
      { numRuns: long ? 50_000 : 2_000 },
    );
  });
});
