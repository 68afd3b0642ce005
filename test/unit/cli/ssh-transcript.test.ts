import { describe, expect, test } from '@jest/globals';
import type { DecisionShown, Events, TranscriptEvent } from '#cli/replay/events.ts';
import { TranscriptPrinter } from '#cli/replay/print.ts';
import { asciicast } from '#cli/replay/ssh/asciicast.ts';
import type { ChannelEvent } from '#cli/replay/ssh/channel-events.ts';
import { kindsOf } from '#cli/replay/ssh/kinds.ts';
import { SshTranscript } from '#cli/replay/ssh/transcript.ts';

const allow: DecisionShown = { effect: 'allow', policies: ['p'], message: '', record: 1 };
const deny: DecisionShown = { effect: 'deny', policies: ['q'], message: 'no', record: 2 };

async function all<T>(events: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** What a transcript makes of these steps. */
async function tell(...steps: ((transcript: SshTranscript) => Events)[]): Promise<TranscriptEvent[]> {
  const transcript = new SshTranscript({ rows: 3, bytes: 65_536 });
  const events: TranscriptEvent[] = [];
  for (const step of steps) events.push(...(await all(step(transcript))));
  return [...events, ...(await all(transcript.finish(9e9)))];
}

const at = (sequence: number, supplement = false) => ({ sequence, atNs: sequence * 1e6, supplement });
const command = (sequence: number, facts: object) => (transcript: SshTranscript) =>
  transcript.command({ level: 'local', ...facts }, allow, at(sequence));
const exit = (of: number, how: object) => (transcript: SshTranscript) =>
  transcript.command({ of, exit: how }, undefined, at(of + 1, true));
const server =
  (stream: number, text: string | Buffer) =>
  (transcript: SshTranscript): Events =>
    transcript.serverBytes(Buffer.from(text), 5e6, stream);

describe('a transcript of SSH', () => {
  test('tells a command, what it showed on both streams, and how it ended', async () => {
    const events = await tell(
      command(1, { kind: 'exec', command: 'id; false', channel: 2 }),
      server(2, 'a\nb\nc\nd\ne\n'),
      server(3, 'oops\n'),
      exit(1, { status: 3 }),
    );

    expect(events).toMatchObject([
      {
        kind: 'command',
        channel: 1,
        command: { what: 'exec', text: 'id; false' },
        decision: allow,
        level: 'local',
      },
      { kind: 'output', stream: 'stdout', lines: ['a', 'b', 'c'], moreLines: 2 },
      { kind: 'output', stream: 'stderr', lines: ['oops'] },
      { kind: 'exit', channel: 1, status: 3, bytesOut: 15 },
    ]);
  });

  test('keeps channels apart', async () => {
    const events = await tell(
      command(1, { kind: 'exec', command: 'a', channel: 2 }),
      command(2, { kind: 'exec', command: 'b', channel: 4 }),
      server(4, 'of b\n'),
      server(2, 'of a\n'),
      exit(2, { signal: 'KILL' }),
      exit(1, { status: 0 }),
    );

    expect(events.filter(({ kind }) => kind === 'output')).toMatchObject([
      { channel: 2, lines: ['of b'] },
      { channel: 1, lines: ['of a'] },
    ]);
    expect(events.filter(({ kind }) => kind === 'exit')).toMatchObject([{ signal: 'KILL' }, { status: 0 }]);
  });

  test('lists operations on files, and shows nothing of the bytes of their protocol', async () => {
    const events = await tell(
      command(1, { kind: 'subsystem', name: 'sftp', channel: 2 }),
      server(2, 'SFTP'),
      command(2, { kind: 'sftp', operation: 'rename', path: '/a', to: '/b', channel: 2 }),
      transcript =>
        transcript.note(
          'file',
          { channel: 2, path: '/b', direction: 'write', bytes: 5, sha256: null, why: 'a hole' },
          at(3),
        ),
    );

    expect(events).toMatchObject([
      { kind: 'command', command: { text: 'sftp' } },
      { kind: 'command', command: { what: 'sftp', text: 'rename /a -> /b' } },
      { kind: 'file', path: '/b', bytes: 5, sha256: null, why: 'a hole' },
      { kind: 'exit', status: undefined },
    ]);
  });

  test('tells what was refused by what was asked of policy', async () => {
    const events = await tell(transcript =>
      transcript.refusal({ message: 'no' }, deny, { verb: 'sftp:write', objects: ['/etc/x'] }, at(1)),
    );

    expect(events).toMatchObject([
      { kind: 'command', command: { what: 'sftp:write', text: '/etc/x' }, decision: deny, refused: 'no' },
    ]);
  });

  test('shows nothing that a terminal would obey, wherever a recording holds it', async () => {
    const evil = '\x1b]52;c;eA==\x07\x1b[2J\u202e\u009bc';
    const events = await tell(
      command(1, { kind: `exec${evil}`, command: evil, channel: 2, environment: { [evil]: evil } }),
      command(2, { kind: 'exec', command: evil, channel: 4 }),
      server(4, `${evil}\n`),
      command(3, { kind: 'shell', pty: true, channel: 6 }),
      server(6, `${evil}$ `),
      transcript => transcript.clientBytes(Buffer.from(`${evil}\r`), 5e6, 6),
      server(6, 'x\u202ey\r\n'),
      command(4, { kind: 'sftp', operation: evil, path: evil, to: evil, flags: [evil], channel: 8 }),
      command(5, { kind: 'forward', destination: evil, origin: evil, channel: 10 }),
      transcript => transcript.command({ of: 5, connection: { origin: evil } }, undefined, at(6, true)),
      transcript => transcript.refusal({ message: evil }, deny, { verb: evil, objects: [evil] }, at(7)),
      transcript =>
        transcript.note(
          'file',
          { channel: 8, path: evil, orPath: evil, direction: evil, bytes: 1, sha256: evil },
          at(8),
        ),
      transcript =>
        transcript.note('file', { channel: 8, path: evil, direction: 'read', bytes: 1, why: evil }, at(9)),
      transcript => transcript.note('notice', { channel: 2, signal: evil }, at(10)),
      exit(2, { signal: evil }),
    );
    const printer = new TranscriptPrinter();

    const text = events.map(event => printer.print(event)).join('');

    expect(text).toContain('\\x1b]52');
    expect(text).toContain('x\\u202ey');
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});

describe('an asciicast', () => {
  async function* events(): AsyncGenerator<ChannelEvent, void, void> {
    yield { kind: 'resize', atNs: 1e9, cols: 80, rows: 24, term: 'xterm' };
    yield { kind: 'output', atNs: 1.5e9, bytes: Buffer.from('\x1b]0;t\x07$ ') };
    yield { kind: 'input', atNs: 2e9, bytes: Buffer.from('l') };
    yield { kind: 'output', atNs: 2e9, bytes: Buffer.from('l') };
    yield { kind: 'input', atNs: 2.25e9, bytes: Buffer.from('\r') };
    yield { kind: 'output', atNs: 2.5e9, bytes: Buffer.from('\r\n') };
    yield { kind: 'resize', atNs: 3e9, cols: 100, rows: 30, term: undefined };
    yield { kind: 'resize', atNs: 3e9, cols: 65_535, rows: 65_535, term: undefined };
    yield { kind: 'exit', atNs: 4e9, exit: { signal: 'KILL' } };
  }

  test('has header, relative times, keys, sizes, markers at commands and the exit', async () => {
    const lines = await all(asciicast(events(), { startedAt: 10_000, title: 't', screenMs: 10_000 }));

    expect(lines.map(text => JSON.parse(text))).toEqual([
      { version: 3, term: { cols: 80, rows: 24, type: 'xterm' }, timestamp: 11, title: 't' },
      [0.5, 'o', '$ '],
      [0.5, 'i', 'l'],
      [0, 'o', 'l'],
      [0.25, 'i', '\r'],
      [0.25, 'm', 'l'],
      [0, 'o', '\r\n'],
      [0.5, 'r', '100x30'],
      [0, 'r', '500x200'],
      [1, 'x', '137'],
    ]);
  });
});

test('a list names the kinds of a session once, and says when there may be more', () => {
  const commands = [{ kind: 'subsystem', name: 'sftp' }, { kind: 'sftp', path: '/a' }, { kind: 'exec' }];

  expect(kindsOf(commands, 3)).toEqual(['sftp', 'exec']);
  expect(kindsOf(commands, 4)).toEqual(['sftp', 'exec', '…']);
});
