import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DecisionShown, TranscriptEvent } from '#cli/replay/events.ts';
import { PostgresTranscript } from '#cli/replay/postgres.ts';
import { message } from '#gateway/protocols/postgres/wire/build.ts';

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const i16 = (...values: number[]): Buffer =>
  Buffer.concat(values.map(value => Buffer.from([value >> 8, value & 255])));
const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const value = (bytes: Buffer | string | null): Buffer =>
  bytes === null ? i32(-1) : Buffer.concat([i32(Buffer.byteLength(bytes)), Buffer.from(bytes)]);

const client = {
  query: (sql: string) => message('Q', text(sql)),
  parse: (name: string, sql: string) => message('P', text(name), text(sql), i16(0)),
  bind: (
    portal: string,
    name: string,
    formats: number[],
    values: (Buffer | string | null)[],
    results: number[] = [],
  ) =>
    message(
      'B',
      text(portal),
      text(name),
      i16(formats.length, ...formats),
      i16(values.length),
      ...values.map(value),
      i16(results.length, ...results),
    ),
  describe: (kind: 'S' | 'P', name: string) => message('D', Buffer.from(kind), text(name)),
  execute: (portal = '') => message('E', text(portal), i32(0)),
  sync: () => message('S'),
  copyData: (bytes: string) => message('d', Buffer.from(bytes)),
  copyDone: () => message('c'),
};
const server = {
  columns: (...names: string[]) =>
    message('T', i16(names.length), ...names.flatMap(name => [text(name), Buffer.alloc(16), i16(0)])),
  row: (...values: (Buffer | string | null)[]) => message('D', i16(values.length), ...values.map(value)),
  complete: (tag: string) => message('C', text(tag)),
  ready: () => message('Z', Buffer.from('I')),
  parsed: () => message('1'),
  bound: () => message('2'),
  noData: () => message('n'),
  copyIn: () => message('G', Buffer.from([0]), i16(0)),
  error: (code: string, words: string) =>
    message('E', text('SERROR'), text('VERROR'), text(`C${code}`), text(`M${words}`), Buffer.alloc(1)),
};

const allow: DecisionShown = { effect: 'allow', policies: ['p'], message: '', record: 1 };
const deny: DecisionShown = { effect: 'deny', policies: ['q'], message: 'no', record: 2 };

type Step =
  | { readonly client: Buffer }
  | { readonly server: Buffer }
  | { readonly command: DecisionShown }
  | { readonly refusal: string };

/** The events of what happened, one step a microsecond; bytes cut into pieces of `cut` bytes. */
function replay(
  steps: readonly Step[],
  cut = Number.POSITIVE_INFINITY,
  options = { rows: 10, bytes: 65_536 },
) {
  const transcript = new PostgresTranscript(options);
  const events: TranscriptEvent[] = [];
  for (const [index, step] of steps.entries()) {
    const atNs = (index + 1) * 1_000;
    if ('command' in step) transcript.command({ level: 'local' }, step.command);
    else if ('refusal' in step) transcript.refusal({ message: step.refusal }, deny);
    else {
      const bytes = 'client' in step ? step.client : step.server;
      for (let at = 0; at < bytes.length; at += cut) {
        const piece = bytes.subarray(at, at + cut);
        events.push(
          ...('client' in step ? transcript.clientBytes(piece, atNs) : transcript.serverBytes(piece, atNs)),
        );
      }
    }
  }
  events.push(...transcript.finish());
  return events;
}

const statements = (events: readonly TranscriptEvent[]) => events.filter(event => event.kind === 'statement');

const simple: Step[] = [
  { server: server.ready() },
  { client: client.query("SELECT 'a'; SELECT NULL") },
  { command: allow },
  { server: Buffer.concat([server.columns('x'), server.row('a'), server.complete('SELECT 1')]) },
  {
    server: Buffer.concat([
      server.columns('y'),
      server.row(null),
      server.complete('SELECT 1'),
      server.ready(),
    ]),
  },
];
const extended: Step[] = [
  { client: client.parse('s1', 'INSERT INTO t VALUES ($1, $2, $3)') },
  { command: allow },
  {
    client: Buffer.concat([client.bind('', 's1', [1, 0, 0], [i32(7), 'x', null]), client.describe('P', '')]),
  },
  { client: client.execute() },
  { command: allow },
  { client: client.sync() },
  {
    server: Buffer.concat([
      server.parsed(),
      server.bound(),
      server.noData(),
      server.complete('INSERT 0 1'),
      server.ready(),
    ]),
  },
];

describe('a PostgreSQL transcript', () => {
  test('shows a simple query with its decision, each of its results, and how long it took', () => {
    expect(replay(simple)).toEqual([
      {
        kind: 'statement',
        atNs: 2_000,
        durationNs: 3_000,
        how: 'query',
        text: "SELECT 'a'; SELECT NULL",
        cutBytes: 0,
        values: [],
        decision: allow,
        refused: undefined,
        level: 'local',
        results: [
          { columns: ['x'], rows: [[{ text: 'a' }]], rowCount: 1, tag: 'SELECT 1' },
          { columns: ['y'], rows: [[null]], rowCount: 1, tag: 'SELECT 1' },
        ],
        errors: [],
      },
    ]);
  });

  test('shows bound values as text, as bytes, as NULL, with the text of their statement', () => {
    expect(statements(replay(extended))).toMatchObject([
      {
        how: 'execute',
        name: 's1',
        text: 'INSERT INTO t VALUES ($1, $2, $3)',
        values: [{ hex: '00000007', bytes: 4 }, { text: 'x' }, null],
        decision: allow,
        results: [{ tag: 'INSERT 0 1' }],
      },
    ]);
  });

  test('is the same wherever the bytes are cut', () => {
    for (const steps of [simple, extended]) {
      for (let cut = 1; cut < 40; cut++) expect(replay(steps, cut)).toEqual(replay(steps));
    }
  });

  test('uses the columns that a statement was described with, by whatever portal runs it', () => {
    const events = replay([
      {
        client: Buffer.concat([
          client.parse('s', 'SELECT 1 AS one'),
          client.describe('S', 's'),
          client.sync(),
        ]),
      },
      {
        server: Buffer.concat([server.parsed(), message('t', i16(0)), server.columns('one'), server.ready()]),
      },
      { client: Buffer.concat([client.bind('p', 's', [], [], [1]), client.execute('p'), client.sync()]) },
      {
        server: Buffer.concat([
          server.bound(),
          server.row(i32(1)),
          server.complete('SELECT 1'),
          server.ready(),
        ]),
      },
    ]);

    expect(statements(events)).toMatchObject([
      { results: [{ columns: ['one'], rows: [[{ hex: '00000001', bytes: 4 }]], rowCount: 1 }] },
    ]);
  });

  test('shows a refusal with the statement that was refused, and goes on with the next', () => {
    const events = replay([
      { refusal: 'DELETE refused' },
      { client: client.query('DELETE FROM t') },
      { server: Buffer.concat([server.error('42501', 'DELETE refused'), server.ready()]) },
      { client: client.query('SELECT 1') },
      { command: allow },
      { server: Buffer.concat([server.complete('SELECT 1'), server.ready()]) },
    ]);

    expect(statements(events)).toMatchObject([
      { text: 'DELETE FROM t', refused: 'DELETE refused', decision: deny, errors: [{ code: '42501' }] },
      { text: 'SELECT 1', refused: undefined, decision: allow, errors: [] },
    ]);
  });

  test('skips after an error what the server skips, up to Sync', () => {
    const one = [client.bind('', 's', [], []), client.execute()];
    const events = replay([
      {
        client: Buffer.concat([
          client.parse('s', 'SELECT 1/0'),
          ...one,
          ...one,
          client.sync(),
          ...one,
          client.sync(),
        ]),
      },
      {
        server: Buffer.concat([
          server.parsed(),
          server.bound(),
          server.error('22012', 'division by zero'),
          server.ready(),
        ]),
      },
      { server: Buffer.concat([server.bound(), server.complete('SELECT 1'), server.ready()]) },
    ]);

    expect(statements(events)).toMatchObject([
      { errors: [{ code: '22012' }], results: [] },
      { errors: [], results: [{ tag: 'SELECT 1' }] },
    ]);
  });

  test('keeps as many rows as were asked for, and counts all', () => {
    const rows = Array.from({ length: 1_000 }, (_, index) => server.row(String(index)));
    const events = replay(
      [
        { client: client.query('SELECT') },
        {
          server: Buffer.concat([
            server.columns('n'),
            ...rows,
            server.complete('SELECT 1000'),
            server.ready(),
          ]),
        },
      ],
      undefined,
      { rows: 3, bytes: 100 },
    );

    expect(statements(events)).toMatchObject([
      { results: [{ rows: [[{ text: '0' }], [{ text: '1' }], [{ text: '2' }]], rowCount: 1_000 }] },
    ]);
  });

  test('keeps as much of a text as was asked for, and says how much more there is', () => {
    const events = replay([{ client: client.query('x'.repeat(1_000)) }], 64, { rows: 1, bytes: 100 });

    expect(events).toMatchObject([{ text: 'x'.repeat(100), cutBytes: 901, durationNs: undefined }]);
  });

  test('counts what COPY brings', () => {
    const events = replay([
      { client: client.query('COPY t FROM STDIN') },
      { server: server.copyIn() },
      { client: Buffer.concat([client.copyData('1\n'), client.copyData('2\n'), client.copyDone()]) },
      { server: Buffer.concat([server.complete('COPY 2'), server.ready()]) },
    ]);

    expect(statements(events)).toMatchObject([{ results: [{ copiedIn: 4, tag: 'COPY 2' }] }]);
  });

  test('shows notices and notifications where they came', () => {
    const events = replay([
      {
        server: message(
          'N',
          text('VWARNING'),
          text('C01000'),
          text('Mcareful'),
          text('HDo it'),
          Buffer.alloc(1),
        ),
      },
      { server: message('A', i32(1), text('jobs'), text('done')) },
    ]);

    expect(events).toEqual([
      {
        kind: 'notice',
        atNs: 1_000,
        notice: { severity: 'WARNING', code: '01000', message: 'careful', hint: 'Do it' },
      },
      { kind: 'notification', atNs: 2_000, channel: 'jobs', payload: 'done' },
    ]);
  });

  test('says once that bytes are no messages, and never throws', () => {
    const garbage = replay([{ server: Buffer.from('Z\0\0\0\0garbage') }, { server: Buffer.from('more') }]);
    expect(garbage).toMatchObject([{ kind: 'fault', fault: 'unreadable' }]);

    const step = fc.oneof(
      fc.record({ client: hostile('QPBDECSdcf') }),
      fc.record({ server: hostile('TDCIs123nGHWdEZNA') }),
    );
    fc.assert(
      fc.property(fc.array(step), steps => {
        replay(steps);
      }),
    );
  });
});

/** A well-framed message with any body. */
function hostile(types: string) {
  return fc
    .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 }))
    .map(([type, body]) => message(type, Buffer.from(body)));
}
