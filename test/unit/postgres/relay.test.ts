import { describe, expect, test } from '@jest/globals';
import { SallyportError } from '#lib/errors.ts';
import { client, server } from './bytes.ts';
import { answer, type Rig, startRig } from './rig.ts';

const refusedWord = /sallyport_refused_[0-9a-f]+_\d+/;

/** Everything a client may say, in an order in which it may say it. */
const conversation = Buffer.concat([
  client.parse('', 'SELECT $1'),
  client.bind('', '', 'one'),
  client.describe('P', ''),
  client.execute(''),
  client.sync(),
  client.query('SELECT 1'),
  client.parse('named', 'UPDATE t'),
  client.bind('p', 'named', 'x', 'y'),
  client.execute('p'),
  client.close('P', 'p'),
  client.flush(),
  client.sync(),
  client.query(''),
]);

/** The same with data for the server, to a server that takes it. */
const copying = Buffer.concat([
  client.query('COPY t FROM STDIN'),
  client.copyData('1\t2\n'),
  client.copyData(''),
  client.copyDone(),
  client.query(''),
]);
const said = [
  { what: 'statements', bytes: conversation },
  { what: 'a COPY', bytes: copying },
];

async function ask(rig: Rig, ...chunks: Buffer[]): Promise<void> {
  for (const chunk of chunks) {
    rig.client.write(chunk);
    await rig.settle();
  }
}

/** The server's bytes come in these pieces, each by itself. */
async function trickle(rig: Rig, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    rig.server.write(piece);
    await rig.settle();
  }
}

/** What was written down of the client, without what the server said in between. */
function fromClient(rig: Rig): unknown {
  const bytes = rig.entries.filter(([kind]) => kind === 'client bytes').map(([, content]) => content);
  const rest = rig.entries.filter(([kind]) => !kind.endsWith('bytes'));
  return { bytes: bytes.join(''), rest };
}

const byteByByte = (bytes: Buffer) => [...bytes].map(byte => Buffer.from([byte]));

function* messageByMessage(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

describe('client to server', () => {
  test.each(said)('$what go on as they came', async ({ bytes }) => {
    const rig = startRig({ copies: true });

    await ask(rig, bytes);

    expect(rig.toServer().equals(bytes)).toBe(true);
  });

  test.each(said)('$what: every cut gives the same bytes, decisions and records', async ({ bytes }) => {
    const whole = startRig({ copies: true });
    await ask(whole, bytes);

    for (let cut = 1; cut < bytes.length; cut += 1) {
      const rig = startRig({ copies: true });
      await ask(rig, bytes.subarray(0, cut), bytes.subarray(cut));

      expect([cut, rig.toServer().equals(bytes)]).toEqual([cut, true]);
      expect(fromClient(rig)).toEqual(fromClient(whole));
    }
  });

  test.each(said)('$what byte by byte give the same', async ({ bytes }) => {
    const whole = startRig({ copies: true });
    await ask(whole, bytes);
    const rig = startRig({ copies: true });

    for (const byte of bytes) rig.client.write(Buffer.from([byte]));
    for (let turn = 0; turn < 200; turn += 1) await rig.settle();

    expect(rig.toServer().equals(bytes)).toBe(true);
    expect(fromClient(rig)).toEqual(fromClient(whole));
  });

  test('nothing is forwarded before its record is durable', async () => {
    const waiting: (() => void)[] = [];
    let slow = false;
    const rig = startRig({ durable: then => (slow ? waiting.push(then) : setImmediate(then)) });
    await ask(rig, client.query('SELECT 1'));
    rig.server.write(server.ready('I'));
    await rig.settle();
    const before = rig.toServer().length;
    slow = true;

    await ask(rig, client.query('SELECT 2'));
    const meanwhile = rig.toServer().length;
    for (const then of waiting) then();
    await rig.settle();

    expect(meanwhile).toBe(before);
    expect(rig.toServer().subarray(before).equals(client.query('SELECT 2'))).toBe(true);
    expect(rig.entries.filter(([kind]) => kind === 'command')).toHaveLength(2);
  });

  test('a value of many megabytes passes in pieces', async () => {
    const rig = startRig();
    const value = 'v'.repeat(5_000_000);
    const bytes = Buffer.concat([
      client.parse('', 'SELECT $1'),
      client.bind('', '', value),
      client.execute(''),
      client.sync(),
    ]);

    for (let offset = 0; offset < bytes.length; offset += 65_536) {
      rig.client.write(bytes.subarray(offset, offset + 65_536));
      await rig.settle();
    }

    expect(rig.toServer().equals(bytes)).toBe(true);
  });

  test('a text too long to be read passes in pieces, and its digest is written down when it has', async () => {
    const rig = startRig();
    const bytes = client.query(`SELECT '${'x'.repeat(3_000_000)}'`);

    for (let offset = 0; offset < bytes.length; offset += 65_536) {
      rig.client.write(bytes.subarray(offset, offset + 65_536));
      await rig.settle();
    }

    expect(rig.toServer().equals(bytes)).toBe(true);
    const commands = rig.entries.filter(([kind]) => kind === 'command').map(([, json]) => JSON.parse(json));
    expect(commands[0]).toMatchObject({ kind: 'unread', sha256: null });
    expect(commands[1].sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('evidence that cannot be written', () => {
  test('ends the session in the protocol’s words, and nothing is forwarded', async () => {
    const failure = new SallyportError('evidenceUnavailable', 'the disk is full');
    const rig = startRig({ durable: then => setImmediate(() => then(failure)), errorsFail: true });

    await ask(rig, client.query('SELECT 1'));
    rig.client.end();
    rig.server.end();

    expect(rig.toServer().length).toBe(0);
    expect(rig.toClient().toString()).toContain('C53100');
    expect((await rig.relay.done)?.code).toBe('evidenceUnavailable');
  });
});

describe('a refused statement', () => {
  test('never reaches the server, which is given a text it cannot parse instead', async () => {
    const rig = startRig();

    await ask(rig, client.query('FORBIDDEN'));

    expect(rig.toServer().toString()).toMatch(refusedWord);
    expect(rig.toServer().includes('FORBIDDEN')).toBe(false);
  });

  test('is answered in the place of the server’s error, and the session goes on', async () => {
    const rig = startRig();
    await ask(rig, client.query('FORBIDDEN'));
    const word = refusedWord.exec(rig.toServer().toString())![0];
    const before = rig.toClient().length;

    rig.server.write(
      Buffer.concat([server.error('42601', `syntax error at or near "${word}"`), server.ready('E')]),
    );
    await rig.settle();
    await ask(rig, client.query('SELECT 2'));

    const answer = rig.toClient().subarray(before).toString();
    expect(answer).toContain('C42501');
    expect(answer).not.toContain('sallyport_refused');
    expect(answer.endsWith('E')).toBe(true);
    expect(rig.toServer().toString().endsWith('SELECT 2\0')).toBe(true);
  });

  test('in a pipeline takes everything up to Sync with it', async () => {
    const rig = startRig();

    await ask(
      rig,
      Buffer.concat([
        client.parse('a', 'SELECT 1'),
        client.parse('b', 'FORBIDDEN'),
        client.bind('', 'a'),
        client.execute(''),
        client.sync(),
        client.query('SELECT 3'),
      ]),
    );

    const sent = rig.toServer();
    const start = client.parse('a', 'SELECT 1');
    expect(sent.subarray(0, start.length).equals(start)).toBe(true);
    expect(sent.toString()).toMatch(refusedWord);
    expect(sent.subarray(-(client.sync().length + client.query('SELECT 3').length))).toEqual(
      Buffer.concat([client.sync(), client.query('SELECT 3')]),
    );
    expect(sent.includes(client.execute(''))).toBe(false);
  });

  test('an error of the server’s own passes as it came', async () => {
    const rig = startRig();
    await ask(rig, client.query('FORBIDDEN'));
    const before = rig.toClient().length;
    const error = server.error('42601', 'syntax error at or near "sallyport_refused_0000_1"');

    rig.server.write(error);
    await rig.settle();

    expect(rig.toClient().subarray(before).equals(error)).toBe(true);
  });

  test('a function call is refused in the same way', async () => {
    const rig = startRig();

    await ask(rig, client.functionCall());

    expect(rig.toServer().toString()).toMatch(refusedWord);
  });
});

test('on a disk that fails while a statement runs, the next one is refused and the client is told', async () => {
  const disk = { failing: false };
  const rig = startRig({ disk });
  await ask(rig, client.query('SELECT 1'));
  disk.failing = true;
  rig.server.write(Buffer.concat([server.commandComplete('SELECT 1'), server.ready('I')]));
  await rig.settle();

  await ask(rig, client.query('SELECT 2'));

  expect(rig.toClient().toString()).toContain('C53100');
  expect(rig.toServer().equals(client.query('SELECT 1'))).toBe(true);
});

describe('ending a session', () => {
  const over = new SallyportError('killed', 'over');

  test('cancels what runs, and the recording says when that failed', async () => {
    const rig = startRig({ cancel: () => Promise.reject(new Error('no way there')) });
    await ask(rig, client.query('SELECT 1'));

    rig.relay.end(over);
    rig.client.end();
    expect(await rig.relay.done).toBe(over);

    const errors = rig.entries.filter(([kind]) => kind === 'error').map(([, json]) => JSON.parse(json));
    expect(errors.map(({ code }) => code)).toEqual(['killed', 'targetUnavailable']);
  });

  test('cancels nothing where nothing runs', async () => {
    let cancelled = 0;
    const rig = startRig({
      cancel: async () => {
        cancelled += 1;
      },
    });
    await ask(rig, client.query('SELECT 1'));
    rig.server.write(Buffer.concat([server.commandComplete('SELECT 1'), server.ready('I')]));
    await rig.settle();

    rig.relay.end(over);
    rig.client.end();
    await rig.relay.done;

    expect(cancelled).toBe(0);
  });
});

describe('hostile clients', () => {
  const cases: [string, Buffer][] = [
    ['an unknown message type', Buffer.from([0x7a, 0, 0, 0, 4])],
    ['a second password', client.password('x')],
    ['a length of 0', Buffer.from([0x51, 0, 0, 0, 0])],
    ['a length of 2^31-1', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
    ['a query without its zero byte', Buffer.concat([Buffer.from([0x51, 0, 0, 0, 5]), Buffer.from('A')])],
    ['a query with a zero byte inside', client.query('SELECT 1\0; DROP TABLE t')],
    ['an Execute with bytes behind it', Buffer.concat([Buffer.from([0x45, 0, 0, 0, 10]), Buffer.alloc(6)])],
    ['a Query inside a pipeline', Buffer.concat([client.parse('', 'SELECT 1'), client.query('SELECT 1')])],
    ['a Describe of a megabyte', client.describe('S', 'n'.repeat(1_000_000))],
  ];
  test.each(cases)('%s ends the session with a protocol violation', async (_, bytes) => {
    const rig = startRig();

    await ask(rig, bytes);
    rig.client.end();
    rig.server.end();

    expect(rig.toClient().toString()).toContain('C08P01');
    expect((await rig.relay.done)?.code).toBe('protocolViolation');
  });
});

describe('server to client', () => {
  const answers = Buffer.concat([
    server.parameterStatus('application_name', 'x'),
    server.rowDescription(),
    server.dataRow('a', 'b'.repeat(300)),
    server.notice('hello'),
    server.commandComplete('SELECT 1'),
    server.ready('I'),
    server.parseComplete(),
    server.bindComplete(),
    server.error('22012', 'division by zero'),
    server.ready('T'),
  ]);

  test('every cut gives the same bytes', async () => {
    for (let cut = 1; cut < answers.length; cut += 1) {
      const rig = startRig();
      await ask(rig, Buffer.concat([client.query('SELECT 1'), client.query('SELECT 2')]));
      const before = rig.toClient().length;

      rig.server.write(answers.subarray(0, cut));
      await rig.settle();
      rig.server.write(answers.subarray(cut));
      await rig.settle();

      expect([cut, rig.toClient().subarray(before).equals(answers)]).toEqual([cut, true]);
    }
  });

  test('byte by byte gives the same', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.query('SELECT 1'), client.query('SELECT 2')]));
    const before = rig.toClient().length;

    await trickle(rig, byteByByte(answers));

    expect(rig.toClient().subarray(before).equals(answers)).toBe(true);
  });
});

describe('names', () => {
  test('a statement whose Parse failed is not what its name stands for', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.parse('s', 'FIRST'), client.sync()]));
    rig.server.write(Buffer.concat([server.parseComplete(), server.ready('I')]));
    await rig.settle();
    await ask(rig, Buffer.concat([client.parse('s', 'SECOND'), client.sync()]));
    rig.server.write(Buffer.concat([server.error('42P05', 'exists'), server.ready('I')]));
    await rig.settle();

    await ask(rig, Buffer.concat([client.bind('', 's'), client.execute(''), client.sync()]));

    const decision = rig.entries.findLast(([kind]) => kind === 'command')![1];
    const { createHash } = await import('node:crypto');
    expect(JSON.parse(decision).sha256).toBe(createHash('sha256').update('FIRST').digest('hex'));
  });

  test.each([
    ['byte by byte', byteByByte],
    ['message by message', messageByMessage],
  ])('an unknown statement is asked for, and Execute is decided by the answer, %s', async (_, cut) => {
    const rig = startRig();

    await ask(rig, Buffer.concat([client.bind('', 'made_by_sql'), client.execute(''), client.sync()]));
    const question = rig.toServer();
    await trickle(rig, cut(answer(question, 'FORBIDDEN thing')));

    expect(question.toString()).toContain(
      "pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) 'made_by_sql'::pg_catalog.text",
    );
    expect(rig.toServer().includes(client.execute(''))).toBe(false);
    expect(rig.toServer().toString()).toMatch(refusedWord);
    expect(rig.toClient().toString()).not.toContain('FORBIDDEN thing');
  });

  test('what SQL in the same pipeline may have changed is not executed', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.parse('s', 'FIRST'), client.sync()]));
    rig.server.write(Buffer.concat([server.parseComplete(), server.ready('I')]));
    await rig.settle();
    const changed = Buffer.concat([
      client.parse('', 'DEALLOCATES s'),
      client.bind('', ''),
      client.execute(''),
      client.flush(),
    ]);
    const used = Buffer.concat([client.bind('p', 's'), client.execute('p'), client.sync()]);

    await ask(rig, changed, used);

    expect(rig.toServer().includes(changed)).toBe(true);
    expect(rig.toServer().includes(client.execute('p'))).toBe(false);
  });

  test('of more names than are remembered, the oldest is asked for again', async () => {
    const rig = startRig();
    const names = Array.from({ length: 4_097 }, (_, index) => `s${index}`);
    for (const name of names) rig.client.write(client.parse(name, 'FIRST'));
    await ask(rig, client.sync());
    rig.server.write(Buffer.concat([...names.map(() => server.parseComplete()), server.ready('I')]));
    await rig.settle();
    const used = (name: string) => Buffer.concat([client.bind('', name), client.execute(''), client.sync()]);

    await ask(rig, used('s4096'));
    rig.server.write(
      Buffer.concat([server.bindComplete(), server.commandComplete('FIRST'), server.ready('I')]),
    );
    await rig.settle();
    expect(rig.toServer().includes(used('s4096'))).toBe(true);
    await ask(rig, used('s0'));

    expect(rig.toServer().includes(used('s0'))).toBe(false);
    expect(rig.toServer().toString()).toContain("name OPERATOR(pg_catalog.=) 's0'");
  });

  test('the server’s last word during a question is the client’s', async () => {
    const rig = startRig();
    await ask(rig, client.bind('', 'made_by_sql'));
    expect(rig.toServer().toString()).toContain('pg_prepared_statements');

    rig.server.write(server.error('57P01', 'going down', 'FATAL'));
    await rig.settle();

    expect(rig.toClient().toString()).toContain('going down');
    expect(rig.toClient().toString()).not.toContain('C08P01');
  });

  test('a search path that the server reports is not the one that was known', async () => {
    const rig = startRig();
    await ask(rig, client.query('SELECT 1'));
    rig.server.write(Buffer.concat([server.commandComplete('SELECT 1'), server.ready('I')]));
    await rig.settle();
    expect(rig.questions()).toBe(1);
    rig.server.write(server.parameterStatus('search_path', 'secret'));
    await rig.settle();

    await ask(rig, client.query('SELECT 2'));

    expect(rig.questions()).toBe(2);
  });

  test.each([
    ['a column', 'id', true],
    ['a function of the server', 'wipe', false],
  ])('%s in column notation is told from the other by asking', async (_, name, passes) => {
    const rig = startRig();

    await ask(rig, client.query(`SELECT ATTRIBUTE ${name}`));

    expect(rig.toServer().toString().includes(`ATTRIBUTE ${name}`)).toBe(passes);
  });

  test('a pipeline knows the server’s functions from its first statement on', async () => {
    const rig = startRig();
    const statements = ['SELECT 1', 'SELECT ATTRIBUTE id', 'SELECT ATTRIBUTE wipe'];

    await ask(rig, Buffer.concat([...statements.map(text => client.parse('', text)), client.sync()]));

    const sent = rig.toServer().toString();
    expect([sent.includes('ATTRIBUTE id'), sent.includes('ATTRIBUTE wipe')]).toEqual([true, false]);
  });

  test('a portal that nobody knows is never executed', async () => {
    const rig = startRig();

    await ask(rig, Buffer.concat([client.flush(), client.execute('ghost'), client.sync()]));

    expect(rig.toServer().includes(client.execute('ghost'))).toBe(false);
  });
});

describe('COPY FROM STDIN', () => {
  const copyBy = {
    'a Query': client.query('COPY t FROM STDIN'),
    'an Execute': Buffer.concat([
      client.parse('', 'COPY t FROM STDIN'),
      client.bind('', ''),
      client.execute(''),
    ]),
  };
  const begun = Buffer.concat([server.parseComplete(), server.bindComplete()]);
  const failure = server.error('22P02', 'invalid input');
  const nextIsDecided = async (rig: Rig) => {
    await ask(rig, client.query('FORBIDDEN'));
    expect(rig.toServer().toString()).toMatch(refusedWord);
  };

  test.each(Object.entries(copyBy))(
    'by %s: nothing is sent on before the server has answered',
    async (_, copy) => {
      const rig = startRig();
      const ahead = Buffer.concat([client.sync(), client.query('SELECT 1')]);

      await ask(rig, copy, ahead);

      expect(rig.toServer().equals(copy)).toBe(true);
    },
  );

  test('a Sync that was sent ahead goes no further when the server takes data', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([copyBy['an Execute'], client.sync()]));
    rig.server.write(Buffer.concat([begun, server.copyIn()]));
    await rig.settle();
    await ask(rig, Buffer.concat([client.copyData('1\n'), client.copyDone(), client.sync()]));
    rig.server.write(Buffer.concat([server.commandComplete('COPY 1'), server.ready('I')]));
    await rig.settle();

    const data = Buffer.concat([client.copyData('1\n'), client.copyDone(), client.sync()]);
    expect(rig.toServer().equals(Buffer.concat([copyBy['an Execute'], data]))).toBe(true);
    // Nothing is under way: a question can be asked at once.
    await ask(rig, client.bind('', 'unknown_name'));
    expect(rig.toServer().toString()).toContain('pg_prepared_statements');
  });

  test('a Sync that was sent ahead goes on when the server takes none', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([copyBy['an Execute'], client.sync()]));
    rig.server.write(server.error('42P01', 'no such table'));
    await rig.settle();

    expect(rig.toServer().equals(Buffer.concat([copyBy['an Execute'], client.sync()]))).toBe(true);
    rig.server.write(server.ready('I'));
    await rig.settle();
    await nextIsDecided(rig);
  });

  test('that fails before it has read the Sync ahead is over at the client’s next Sync', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([copyBy['an Execute'], client.sync()]));
    rig.server.write(Buffer.concat([begun, server.copyIn(), failure]));
    await rig.settle();
    await ask(rig, Buffer.concat([client.copyDone(), client.sync()]));
    rig.server.write(server.ready('I'));
    await rig.settle();

    await nextIsDecided(rig);
    expect(rig.toClient().toString()).not.toContain('C08P01');
  });

  test('Syncs among the data are not sent on: a COPY that has failed would have them answered', async () => {
    const rig = startRig();
    await ask(rig, copyBy['a Query']);
    rig.server.write(server.copyIn());
    await rig.settle();

    await ask(rig, Buffer.concat([client.copyData('garbage\n'), client.sync(), client.sync()]));

    expect(rig.toServer().equals(Buffer.concat([copyBy['a Query'], client.copyData('garbage\n')]))).toBe(
      true,
    );
    rig.server.write(Buffer.concat([failure, server.ready('I')]));
    await rig.settle();
    await nextIsDecided(rig);
  });

  test.each([
    ['a Query', client.query('SELECT 1')],
    ['a Parse', client.parse('', 'SELECT 1')],
    ['an Execute', client.execute('')],
    ['a Close', client.close('S', '')],
    ['a FunctionCall', client.functionCall()],
  ])('%s among the data ends the session', async (_, message) => {
    const rig = startRig();
    await ask(rig, copyBy['a Query']);
    rig.server.write(server.copyIn());
    await rig.settle();

    await ask(rig, message);

    expect(rig.toClient().toString()).toContain('C08P01');
    expect(rig.toServer().equals(copyBy['a Query'])).toBe(true);
  });

  test('that was not foreseen ends the session, where something was sent behind it', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.parse('', 'SELECT 1'), client.bind('', ''), client.execute('')]));
    await ask(rig, client.sync());

    rig.server.write(Buffer.concat([begun, server.copyIn()]));
    await rig.settle();

    expect(rig.toClient().toString()).toContain('C08P01');
  });
});

describe('a client that would have the gateway lose count', () => {
  test('cannot pass a row of its own for the answer to a question', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.bind('', 'made_by_sql'), client.execute(''), client.sync()]));

    rig.server.write(answer(Buffer.alloc(0), 'SELECT 1'));
    await rig.settle();

    expect(rig.toServer().includes(client.execute(''))).toBe(false);
    expect(rig.toClient().toString()).toContain('C08P01');
  });

  test('an answer that nothing was asked for ends the session', async () => {
    const rig = startRig();
    await ask(rig, client.query('SELECT 1'));

    rig.server.write(Buffer.concat([server.ready('I'), server.ready('I')]));
    await rig.settle();

    expect(rig.toClient().toString()).toContain('C08P01');
  });

  test('what it asks after an error in the same pipeline is not taken for done', async () => {
    const rig = startRig();
    await ask(rig, Buffer.concat([client.parse('a', 'FIRST'), client.sync()]));
    rig.server.write(Buffer.concat([server.parseComplete(), server.ready('I')]));
    await rig.settle();
    await ask(rig, Buffer.concat([client.parse('bad', 'SELECT 1'), client.flush()]));
    rig.server.write(server.error('42703', 'no such column'));
    await rig.settle();
    await ask(rig, Buffer.concat([client.parse('a', 'SECOND'), client.sync()]));
    rig.server.write(server.ready('I'));
    await rig.settle();
    await ask(rig, Buffer.concat([client.close('S', 'zz'), client.sync()]));
    rig.server.write(Buffer.concat([server.closeComplete(), server.ready('I')]));
    await rig.settle();

    await ask(rig, Buffer.concat([client.bind('', 'a'), client.execute(''), client.sync()]));

    const { createHash } = await import('node:crypto');
    const command = rig.entries.findLast(([kind]) => kind === 'command')![1];
    expect(JSON.parse(command).sha256).toBe(createHash('sha256').update('FIRST').digest('hex'));
  });

  test.each([
    ['of 64 characters', client.parse('n'.repeat(64), 'SELECT 1')],
    ['with a letter that is not ASCII', client.bind('é', '')],
  ])('a name %s ends the session', async (_, bytes) => {
    const rig = startRig();

    await ask(rig, bytes);

    expect(rig.toClient().toString()).toContain('C0A000');
  });

  test.each([
    ['Binds', client.bind('', ''), 20_000],
    ['Closes', client.close('S', 'x'), 20_000],
    ['refused statements', client.query('FORBIDDEN'), 1_001],
  ])('a flood of %s ends the session', async (_, message, count) => {
    const rig = startRig();
    await ask(rig, client.parse('', 'SELECT 1'));
    if (message[0] === 0x51) await ask(rig, client.sync());

    await ask(rig, Buffer.concat(Array(count - 1).fill(message)));
    expect(rig.toClient().toString()).not.toContain('C53300');
    await ask(rig, message);

    expect(rig.toClient().toString()).toContain('C53300');
  });

  test('a flood of CopyDone costs nothing and a flood of Syncs ends the session', async () => {
    const rig = startRig();
    const begun = performance.now();
    await ask(rig, Buffer.concat([client.parse('', 'SELECT 1'), ...Array(200_000).fill(client.copyDone())]));
    expect(rig.toClient().toString()).not.toContain('C53300');

    await ask(rig, Buffer.concat(Array(20_000).fill(client.sync())));

    expect(rig.toClient().toString()).toContain('C53300');
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
