import type { Duplex } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { SallyportError } from '#lib/errors.ts';
import { rest, say } from './bytes.ts';
import { openSession, type Rig, type RigOptions, recorded, recordedBytes, startRig } from './rig.ts';

async function session(options: RigOptions = {}): Promise<Rig> {
  const rig = startRig(options);
  await openSession(rig);
  return rig;
}

async function fromClient(rig: Rig, ...payloads: Buffer[]): Promise<void> {
  rig.client.say(...payloads);
  await rig.settle();
}

async function fromTarget(rig: Rig, ...payloads: Buffer[]): Promise<void> {
  rig.target.say(...payloads);
  await rig.settle();
}

const exec = (line: string, wantReply = true) => say.request(0, 'exec', wantReply, rest.strings(line));

describe('a session', () => {
  test('begins with success, behind what the target tells whoever signs in, without what a terminal obeys', () => {
    const rig = startRig({ banner: 'Keep \u001b[2Jout\u009b\r\n' });

    expect(rig.client.heard()).toEqual(['banner "Keep ?[2Jout?\\r\\n"', 'userauth success']);
  });

  test('has channels that each end knows by the number of its own', async () => {
    const rig = startRig();
    rig.client.heard();

    await fromClient(rig, say.open('session', 10));
    const asked = rig.target.heard();
    await fromTarget(rig, say.confirm(0, 20));
    const confirmed = rig.client.heard();
    await fromClient(rig, exec('id'));
    await fromTarget(rig, say.success(0), say.data(0, 'uid=0'), say.stderr(0, 'hm'), say.eof(0));
    await fromTarget(rig, say.request(0, 'exit-status', false, rest.status(3)), say.close(0));

    const reserve = 256 * 1024;
    expect(asked).toEqual([`open "session" 0 ${2_097_152 - reserve} 32768`]);
    expect(confirmed).toEqual([`confirm 10 0 ${2_097_152 - reserve} 32768`]);
    expect(rig.client.heard()).toEqual([
      'success 10',
      'data 10 "uid=0"',
      'stderr 10 "hm"',
      'eof 10',
      'request 10 exit-status 3',
      'close 10',
    ]);
    expect(rig.target.heard()).toEqual(['request 20 exec !', 'close 20']);
    expect(recordedBytes(rig, 'server bytes', 2)).toBe('uid=0');
    expect(recordedBytes(rig, 'server bytes', 3)).toBe('hm');
    expect(recorded(rig, 'command')).toEqual([
      expect.objectContaining({ kind: 'exec', command: 'id', channel: 2, level: 'local', bytes: 2 }),
      expect.objectContaining({ exit: { status: 3 } }),
    ]);
  });

  test('ends with its legs', async () => {
    const rig = await session();

    rig.client.peer.end();
    await rig.settle();

    expect(rig.ended()).toBe('closed');
    expect(rig.target.socket.destroyed).toBe(true);
  });

  test.each(['client', 'target'] as const)('ends with its %s, though the other one does not', async who => {
    const rig = await session();
    const other = who === 'client' ? rig.target : rig.client;
    other.endsToo = false;

    rig[who].peer.end();
    await rig.relay.done;

    expect(other.socket.destroyed).toBe(true);
    expect(rig.ended()).toBe('closed');
  });

  test('is told why it ends, in each channel that has room for it', async () => {
    const rig = await session();
    await fromClient(rig, exec('sleep 60'));
    rig.client.heard();

    rig.relay.end(new SallyportError('killed', 'ended by dba'));
    await rig.settle();

    expect(rig.client.heard()).toEqual(['stderr 10 "Sallyport: ended by dba.\\r\\n"']);
    expect(rig.client.disconnected).toEqual({ reason: 11, text: 'Sallyport: ended by dba.' });
    expect(recorded(rig, 'error')).toEqual([{ code: 'killed', message: 'ended by dba' }]);
  });

  test('says nothing in a channel that is not open yet', async () => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10));
    rig.client.heard();

    rig.relay.end(new SallyportError('killed', 'ended by dba'));

    expect(rig.client.heard()).toEqual([]);
  });

  test('repeats nothing that a terminal would obey', async () => {
    const rig = await session();

    rig.relay.end(new SallyportError('killed', 'ended\u001b]0;title\u0007 by \u009bdba'));

    expect(rig.client.heard()).toEqual(['stderr 10 "Sallyport: ended?]0;title? by ?dba.\\r\\n"']);
    expect(rig.client.disconnected?.text).toBe('Sallyport: ended?]0;title? by ?dba.');
  });
});

describe('a program', () => {
  test('is not started before its record is durable', async () => {
    const waiting: (() => void)[] = [];
    let slow = false;
    const rig = await session({ durable: then => (slow ? waiting.push(then) : setImmediate(then)) });
    slow = true;

    await fromClient(rig, exec('touch /x'));
    const meanwhile = rig.target.heard();
    const written = recorded(rig, 'command');
    for (const then of waiting) then();
    await rig.settle();

    expect(meanwhile).toEqual([]);
    expect(written).toHaveLength(1);
    expect(rig.target.heard()).toEqual(['request 20 exec !']);
  });

  const shell = () => [say.request(0, 'pty-req', false, rest.pty()), say.request(0, 'shell', false)];
  test.each([
    { what: 'an exec', before: [], lost: exec('touch /x') },
    { what: 'a shell', before: [], lost: say.request(0, 'shell', true) },
    { what: 'sftp', before: [], lost: say.request(0, 'subsystem', true, rest.strings('sftp')) },
    {
      what: 'a forward',
      before: [],
      lost: say.open('direct-tcpip', 11, 1_000, 2_000, rest.directTcp('db', 5_432)),
    },
    { what: 'a line that is pasted into a shell', before: shell(), lost: say.data(0, 'rm -rf /\r') },
    { what: 'a key that is typed into a shell', before: shell(), lost: say.data(0, 'r') },
    { what: 'what is typed into a program', before: [exec('sh')], lost: say.data(0, 'rm -rf /\n') },
  ])(
    '$what that cannot be recorded does not reach the target, and the client is told',
    async ({ before, lost }) => {
      const disk = { failing: false };
      const rig = await session({ disk });
      await fromClient(rig, ...before);
      rig.target.heard();
      disk.failing = true;

      await fromClient(rig, lost);

      // What runs already is ended.
      expect(rig.target.heard().filter(line => line !== 'request 20 signal')).toEqual([]);
      expect(await rig.relay.done).toMatchObject({ code: 'evidenceUnavailable' });
      expect(rig.client.disconnected).toEqual({ reason: 7, text: 'Sallyport: full.' });
      expect(rig.client.heard().join()).toContain('stderr 10 "Sallyport: full');
    },
  );

  test('that is refused says so on standard error, with a status, and the target never hears of it', async () => {
    const rig = await session();

    await fromClient(rig, exec('FORBIDDEN'));
    await fromClient(rig, say.data(0, 'input'), say.request(0, 'window-change', false, rest.size(1, 1)));

    expect(rig.client.heard()).toEqual([
      'success 10',
      expect.stringMatching(/^stderr 10 "Sallyport: .*refused: not here/),
      'request 10 exit-status 126',
      'close 10',
    ]);
    expect(rig.target.heard()).toEqual(['close 20']);
    expect(recorded(rig, 'error')).toEqual([expect.objectContaining({ code: 'denied' })]);
    expect(recordedBytes(rig, 'client bytes', 2)).toBe('input');
  });

  test('that is refused behind a request whose answer never comes is told when the target closes', async () => {
    const rig = await session();
    await fromClient(rig, say.request(0, 'pty-req', true, rest.pty()), exec('FORBIDDEN'));
    const before = rig.client.heard();

    await fromTarget(rig, say.close(0));

    expect(before).toEqual([]);
    expect(rig.client.heard()).toEqual([
      'success 10',
      expect.stringMatching(/^stderr 10/),
      'request 10 exit-status 126',
      'close 10',
    ]);
  });

  test('that is refused says nothing where there is no room for words', async () => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10, 0));
    await fromTarget(rig, say.confirm(0, 20));
    rig.client.heard();

    await fromClient(rig, exec('FORBIDDEN'));

    expect(rig.client.heard()).toEqual(['success 10', 'request 10 exit-status 126', 'close 10']);
  });

  test.each([
    ['exec', exec('id')],
    ['shell', say.request(0, 'shell', true)],
    ['subsystem', say.request(0, 'subsystem', true, rest.strings('sftp'))],
    ['pty-req', say.request(0, 'pty-req', true, rest.pty())],
    ['env', say.request(0, 'env', true, rest.strings('LANG', 'C'))],
  ])('is one in a channel: %s behind it is refused', async (_, request) => {
    const rig = await session();
    await fromClient(rig, exec('cat'));
    await fromTarget(rig, say.success(0));
    rig.target.heard();
    rig.client.heard();

    await fromClient(rig, request);

    expect(rig.client.heard()).toEqual(['failure 10']);
    expect(rig.target.heard()).toEqual([]);
    expect(recorded(rig, 'command')).toHaveLength(1);
  });

  test('has one exit', async () => {
    const rig = await session();
    await fromClient(rig, exec('id'));

    for (let times = 0; times < 100; times += 1) {
      await fromTarget(rig, say.request(0, 'exit-status', false, rest.status(0)));
    }

    expect(recorded(rig, 'command')).toHaveLength(2);
  });

  test('tells how it ended though the client has closed, as clients do behind the EOF of both ends', async () => {
    const rig = await session();
    await fromClient(rig, exec('id', false), say.eof(0));
    await fromTarget(rig, say.eof(0));
    rig.client.heard();

    await fromClient(rig, say.close(0));
    await fromTarget(
      rig,
      say.data(0, 'late'),
      say.request(0, 'exit-status', false, rest.status(5)),
      say.close(0),
    );

    expect(rig.client.heard()).toEqual(['request 10 exit-status 5', 'close 10']);
    expect(recorded(rig, 'command')[1]).toMatchObject({ exit: { status: 5 } });
  });

  test.each([
    ['TERM', say.request(0, 'pty-req', false, rest.pty('a[$(id)]')), true],
    ['TERM', say.request(0, 'pty-req', false, rest.pty('xterm-256color')), false],
    ['a variable', say.request(0, 'env', false, rest.strings('LC_X', 'a[$(id)]')), true],
    ['a variable', say.request(0, 'env', false, rest.strings('BASH_ENV', 'x')), true],
    ['a variable', say.request(0, 'env', false, rest.strings('LC_ALL', 'de_DE.UTF-8@euro')), false],
    ['a variable', say.request(0, 'env', false, rest.strings('GIT_PROTOCOL', 'version=2')), false],
  ])('is decided with %s that the client has set before it', async (_name, request, unknownCode) => {
    const rig = await session();

    await fromClient(rig, request, exec('id'));

    expect(recorded(rig, 'decision')[0]).toMatchObject({ risk: { unknownCode, writes: unknownCode } });
  });

  test('that is refused has its environment in the record as well', async () => {
    const rig = await session();

    await fromClient(rig, say.request(0, 'env', false, rest.strings('LC_X', 'y')), exec('FORBIDDEN'));

    expect(recorded(rig, 'error')[0]).toMatchObject({ command: 'FORBIDDEN', environment: { LC_X: 'y' } });
  });

  test.each([
    ['exec', 'scp -r -f /etc'],
    ['exec', 'scp -t /tmp'],
    ['exec', '/usr/lib/openssh/sftp-server'],
    ['subsystem', 'sftp'],
  ])('that transfers files has no terminal: %s %s', async (request, line) => {
    const rig = await session();
    await fromClient(rig, say.request(0, 'pty-req', false, rest.pty()));
    rig.target.heard();

    await fromClient(rig, say.request(0, request, true, rest.strings(line)));

    expect(rig.target.heard()).toEqual(['close 20']);
    expect(rig.client.heard().join()).toContain('files are not transferred through a terminal');
    // It counts as a refusal, by its decision.
    expect(recorded(rig, 'error')).toEqual([
      expect.objectContaining({ code: 'denied', decision: expect.any(Number), kind: request, channel: 2 }),
    ]);
    expect(recorded(rig, 'command')).toEqual([]);
  });

  test('has its environment in its record, whatever the names', async () => {
    const rig = await session();

    for (const name of ['LANG', '__proto__', 'constructor']) {
      await fromClient(rig, say.request(0, 'env', false, rest.strings(name, 'x')));
    }
    await fromClient(rig, exec('id'));

    const environment = JSON.stringify(recorded(rig, 'command')[0]!['environment']);
    expect(environment).toBe('{"LANG":"x","__proto__":"x","constructor":"x"}');
  });

  test('has an environment of a limited size', async () => {
    const rig = await session();

    for (let index = 0; index < 300; index += 1) {
      rig.client.say(say.request(0, 'env', false, rest.strings(`N${index}`, 'x'.repeat(400))));
    }
    await rig.settle();

    expect(rig.target.heard().length).toBeLessThan(170);
    expect(rig.ended()).toBeUndefined();
  });
});

test.each([
  ...['keepalive@openssh.com', 'keepalive@lag.net', 'keepalive@libssh2.org', 'whatever@example.com'].flatMap(
    name => [
      [name, say.globalRequest(name, true)] as const,
      [`${name} in a channel`, say.request(0, name, true)] as const,
    ],
  ),
  ['PuTTY’s measure', say.request(0, 'winadj@putty.projects.tartarus.org', true)],
  ['data of no bytes', say.data(0, '')],
  ['a window', say.adjust(0, 100_000)],
])('a session is not in use by %s', async (_name, message) => {
  const rig = await session();
  rig.gate.lastActivity = 0;

  await fromClient(rig, message);

  expect(rig.gate.lastActivity).toBe(0);
});

describe('answers', () => {
  test('come in the order of the requests, the gateway’s own among them', async () => {
    const rig = await session();

    await fromClient(
      rig,
      say.request(0, 'env', true, rest.strings('LANG', 'C')),
      say.request(0, 'no-such', true),
      say.request(0, 'pty-req', true, rest.pty()),
      say.request(0, 'pty-req', true, rest.pty()),
    );
    const before = rig.client.heard();
    await fromTarget(rig, say.success(0));
    const first = rig.client.heard();
    await fromTarget(rig, say.success(0));

    expect(before).toEqual([]);
    expect(first).toEqual(['success 10', 'failure 10']);
    expect(rig.client.heard()).toEqual(['success 10', 'failure 10']);
  });

  test('that nobody asked for go no further, in either direction', async () => {
    const rig = await session();

    await fromTarget(rig, say.success(0), say.failure(0), say.requestSuccess(), say.requestFailure());
    await fromClient(rig, say.success(0), say.failure(0), say.requestSuccess(), say.requestFailure());

    expect(rig.client.heard()).toEqual([]);
    expect(rig.target.heard()).toEqual([]);
    expect(rig.ended()).toBeUndefined();
  });

  test('that a target does not give are waited for only so long', async () => {
    const rig = await session();

    for (let index = 0; index < 5_000; index += 1) rig.client.say(say.request(0, 'no-such', true));
    await rig.settle();
    const free = rig.ended();
    rig.client.say(say.request(0, 'env', true, rest.strings('LANG', 'C')));
    for (let index = 0; index < 5_000; index += 1) rig.client.say(say.request(0, 'no-such', true));
    await rig.settle();

    expect(free).toBeUndefined();
    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'tooMany' });
    expect(rig.client.disconnected).toBeDefined();
  });

  test('to a target go only where it has asked', async () => {
    const rig = await session();

    await fromTarget(rig, say.request(0, 'keepalive@openssh.com', true));
    await fromClient(rig, say.failure(0), say.failure(0));

    expect(rig.client.heard()).toEqual(['request 10 keepalive@openssh.com !']);
    expect(rig.target.heard()).toEqual(['failure 20']);
  });
});

describe('windows', () => {
  test('are passed from end to end', async () => {
    const rig = await session();
    await fromClient(rig, exec('cat'));
    rig.target.heard();

    await fromClient(rig, say.adjust(0, 5_000));
    await fromTarget(rig, say.adjust(0, 7_000));

    expect(rig.target.heard()).toEqual(['adjust 20 5000']);
    expect(rig.client.heard()).toEqual(['adjust 10 7000']);
  });

  test('of refused input are given back, so that nobody waits for ever', async () => {
    const rig = await session();

    for (let index = 0; index < 100; index += 1) await fromClient(rig, say.data(0, Buffer.alloc(16_384)));

    const given = rig.client
      .heard()
      .map(line => Number(/^adjust 10 (\d+)$/.exec(line)?.[1]))
      .reduce((sum, bytes) => sum + bytes, 0);
    expect(given).toBe(100 * 16_384);
    expect(rig.target.heard()).toEqual([]);
    expect(recordedBytes(rig, 'client bytes', 2)).toHaveLength(100 * 16_384);
  });
});

describe('forwards', () => {
  test('are commands with their destination, and have windows of their own', async () => {
    const rig = startRig();
    rig.client.heard();

    await fromClient(rig, say.open('direct-tcpip', 5, 1_000, 2_000, rest.directTcp('::1', 22)));
    await fromTarget(rig, say.confirm(0, 6, 3_000, 4_000));
    await fromClient(rig, say.data(0, 'hello'));
    await fromTarget(rig, say.data(0, 'there'));

    expect(rig.target.heard()).toEqual(['open "direct-tcpip" 0 1000 2000', 'data 6 "hello"']);
    expect(rig.client.heard()).toEqual(['confirm 5 0 3000 4000', 'data 5 "there"']);
    expect(recorded(rig, 'command')).toEqual([
      expect.objectContaining({ kind: 'forward', destination: '[::1]:22', origin: '127.0.0.1:4711' }),
    ]);
  });

  test('that are refused are told why, and the target never hears of them', async () => {
    const rig = startRig();
    rig.client.heard();

    await fromClient(rig, say.open('direct-tcpip', 5, 1_000, 2_000, rest.directTcp('FORBIDDEN', 22)));

    expect(rig.client.heard()).toEqual([expect.stringMatching(/^open failure 5 1 "Sallyport: .*refused/)]);
    expect(rig.target.heard()).toEqual([]);
  });

  test('towards the client are only those that it asked for', async () => {
    const rig = startRig();
    rig.client.heard();
    await fromClient(rig, say.globalRequest('tcpip-forward', true, rest.listen('', 8_080)));
    await fromTarget(rig, say.requestSuccess());
    rig.client.heard();
    rig.target.heard();

    await fromTarget(
      rig,
      say.open('forwarded-tcpip', 1, 1_000, 2_000, rest.forwardedTcp('', 8_081)),
      say.open('auth-agent@openssh.com', 2),
      say.open('x11', 3, 1_000, 2_000, rest.forwardedTcp('x', 1)),
      say.open('session', 4),
      say.open('forwarded-tcpip', 7, 1_000, 2_000, rest.forwardedTcp('', 8_080)),
    );

    expect(rig.target.heard()).toEqual(
      [1, 2, 3, 4].map(sender => `open failure ${sender} 1 "nobody asked for this"`),
    );
    expect(rig.client.heard()).toEqual(['open "forwarded-tcpip" 0 1000 2000']);
    expect(recorded(rig, 'command').at(-1)).toMatchObject({
      connection: { channel: 2, origin: '192.0.2.9:4711' },
    });
  });

  test('are let in where the target says that it listens, at a port of its choice too', async () => {
    const rig = startRig();
    rig.client.heard();
    await fromClient(rig, say.globalRequest('tcpip-forward', true, rest.listen('', 0)));
    await fromTarget(rig, say.requestSuccess(Buffer.of(0, 0, 0x9c, 0x40)));
    rig.target.heard();

    await fromTarget(
      rig,
      say.open('forwarded-tcpip', 1, 1_000, 2_000, rest.forwardedTcp('', 40_001)),
      say.open('forwarded-tcpip', 2, 1_000, 2_000, rest.forwardedTcp('', 40_000)),
    );

    expect(rig.target.heard()).toEqual(['open failure 1 1 "nobody asked for this"']);
    expect(rig.client.heard()).toContain('open "forwarded-tcpip" 0 1000 2000');
  });

  test('are let in at each of several ports of its choice', async () => {
    const rig = startRig();
    rig.client.heard();
    const any = say.globalRequest('tcpip-forward', true, rest.listen('', 0));
    await fromClient(rig, any, Buffer.from(any));
    await fromTarget(
      rig,
      say.requestSuccess(Buffer.of(0, 0, 0x9c, 0x40)),
      say.requestSuccess(Buffer.of(0, 0, 0x9c, 0x41)),
    );
    rig.target.heard();

    await fromTarget(
      rig,
      say.open('forwarded-tcpip', 1, 1_000, 2_000, rest.forwardedTcp('', 40_000)),
      say.open('forwarded-tcpip', 2, 1_000, 2_000, rest.forwardedTcp('', 40_001)),
    );

    expect(rig.target.heard()).toEqual([]);
  });

  test('whose client asks for no answer are known all the same, and the client hears nothing', async () => {
    const rig = startRig();
    rig.client.heard();
    await fromClient(rig, say.globalRequest('tcpip-forward', false, rest.listen('', 8_080)));

    expect(rig.target.heard()).toEqual(['global request "tcpip-forward" true']);
    await fromTarget(rig, say.requestFailure());
    await fromTarget(rig, say.open('forwarded-tcpip', 1, 1_000, 2_000, rest.forwardedTcp('', 8_080)));

    expect(rig.client.heard()).toEqual([]);
    expect(rig.target.heard()).toEqual(['open failure 1 1 "nobody asked for this"']);
  });

  test('are not let in where the target did not listen, and that is recorded', async () => {
    const rig = startRig();
    rig.client.heard();
    await fromClient(rig, say.globalRequest('tcpip-forward', true, rest.listen('', 8_080)));
    await fromTarget(rig, say.requestFailure());
    rig.target.heard();

    await fromTarget(rig, say.open('forwarded-tcpip', 1, 1_000, 2_000, rest.forwardedTcp('', 8_080)));

    expect(rig.target.heard()).toEqual(['open failure 1 1 "nobody asked for this"']);
    expect(recorded(rig, 'command').at(-1)).toMatchObject({ exit: { why: 'refused by the target' } });
  });

  test.each(['/run/app/dir/../socket', '/run/app/socket\0x', '22'])(
    'to the socket %j are refused: it may be another than it looks',
    async path => {
      const rig = startRig();
      rig.client.heard();

      await fromClient(
        rig,
        say.open('direct-streamlocal@openssh.com', 5, 1_000, 2_000, rest.directUnix(path)),
        say.globalRequest('streamlocal-forward@openssh.com', true, rest.strings(path)),
      );

      expect(rig.target.heard()).toEqual([]);
      expect(rig.client.heard()).toEqual([expect.stringMatching(/^open failure 5 1 /), 'request failure']);
      expect(recorded(rig, 'error')).toHaveLength(2);
    },
  );

  test.each([
    ['a', 65_558],
    ['a\nb', 22],
    ['a\u202eb', 22],
    ['a/b', 22],
  ])('to %j, port %i, are refused: not all read it alike', async (host, port) => {
    const rig = startRig();
    rig.client.heard();

    await fromClient(rig, say.open('direct-tcpip', 5, 1_000, 2_000, rest.directTcp(host, port)));

    expect(rig.target.heard()).toEqual([]);
    expect(recorded(rig, 'error')).toHaveLength(1);
  });

  test('to a target of Sallyport that is not served here do not go to the host to look for it', async () => {
    const rig = startRig();
    rig.client.heard();

    await fromClient(rig, say.open('direct-tcpip', 5, 1_000, 2_000, rest.directTcp('elsewhere', 22)));

    expect(rig.target.heard()).toEqual([]);
    expect(rig.client.heard()).toEqual([expect.stringMatching(/does not serve elsewhere/)]);
    expect(recorded(rig, 'error')).toHaveLength(1);
  });

  test('are listened for at so many places and no more', async () => {
    const rig = startRig();
    rig.client.heard();

    for (let port = 1; port <= 300; port += 1) {
      rig.client.say(say.globalRequest('tcpip-forward', false, rest.listen('', port)));
    }
    await rig.settle();

    expect(rig.target.heard()).toHaveLength(256);
  });
});

describe('a client that does what it may not ends its session with a coded error', () => {
  test.each([
    ['data beyond the window', [say.data(0, Buffer.alloc(30_000))]],
    ['data for no channel', [say.data(7, 'x')]],
    ['data cut short', [say.data(0, 'x').subarray(0, 3)]],
    ['data whose length lies', [Buffer.concat([say.data(0, 'x'), Buffer.of(1)])]],
    ['a message of no channel', [Buffer.of(96)]],
    ['standard error', [say.stderr(0, 'x')]],
    ['a window for no channel', [say.adjust(7, 1)]],
    ['a window beyond 2^32 - 1', [say.adjust(0, 0xffff_ffff)]],
    ['a channel closed twice', [say.close(0), say.close(0)]],
    ['data behind the closing', [say.close(0), say.data(0, 'x')]],
    ['a request behind the closing', [say.close(0), exec('id')]],
    ['a packet size of nothing', [say.open('session', 11, 1, 0)]],
    ['a request cut short', [say.request(0, 'exec', true)]],
    ['a request with a length of 2^32 - 1', [say.request(0, 'exec', true, Buffer.alloc(4, 0xff))]],
    ['an exec with something behind it', [Buffer.concat([exec('id'), Buffer.of(0)])]],
    [
      'a terminal that is not UTF-8',
      [say.request(0, 'pty-req', true, rest.pty(Buffer.from([0xff]).toString('latin1')).fill(0xff, 4, 5))],
    ],
    ['an environment that is not UTF-8', [say.request(0, 'env', true, rest.strings('A', Buffer.of(0xff)))]],
    ['a request name with an escape in it', [say.request(0, '\u001b[2J', true)]],
    ['a channel type with an escape in it', [say.open('\u001b[2J', 11)]],
    ['a confirmation of its own channel', [say.confirm(0, 30)]],
    ['a confirmation of no channel', [say.confirm(7, 30)]],
    ['an open failure of its own channel', [say.openFailure(0)]],
    ['a message of the sign-in', [Buffer.of(60)]],
    ['a message that there is not', [Buffer.of(200)]],
    ['success of the sign-in', [Buffer.of(52)]],
  ] as [string, Buffer[]][])('%s', async (_, payloads) => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10));
    await fromTarget(rig, say.confirm(0, 20, 20_000));
    rig.target.heard();

    await fromClient(rig, ...payloads);

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
    expect(rig.client.disconnected?.reason).toBe(2);
    expect(rig.target.heard().filter(line => !line.startsWith('close'))).toEqual([]);
  });

  test.each([
    ['data', say.data(0, 'x')],
    ['a request', exec('id')],
    ['a window', say.adjust(0, 1)],
    ['an end', say.eof(0)],
    ['a closing', say.close(0)],
    ['an answer', say.success(0)],
  ])('%s in a channel that the target has not confirmed', async (_, payload) => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10));
    rig.target.heard();

    await fromClient(rig, payload);

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
    expect(rig.target.heard()).toEqual([]);
  });
});

describe('a target that does what it may not ends its session with a coded error', () => {
  test.each([
    ['data beyond the window', [say.data(0, Buffer.alloc(30_000))]],
    ['data for no channel', [say.data(7, 'x')]],
    ['data cut short', [say.data(0, 'x').subarray(0, 3)]],
    ['standard error cut short', [say.stderr(0, 'x').subarray(0, 11)]],
    ['a window for no channel', [say.adjust(7, 1)]],
    ['a window beyond 2^32 - 1', [say.adjust(0, 0xffff_ffff)]],
    ['a channel closed twice', [say.close(0), say.close(0)]],
    ['data behind the closing', [say.close(0), say.data(0, 'x')]],
    ['a confirmation of a channel that is open', [say.confirm(0, 21)]],
    ['a confirmation of no channel', [say.confirm(7, 30)]],
    ['an exit signal with an escape in it', [say.request(0, 'exit-signal', false, rest.signal('\u001b[2J'))]],
    ['a request name with an escape in it', [say.request(0, '\u001b[2J', false)]],
    ['a message of the sign-in', [Buffer.of(51)]],
    ['a message that there is not', [Buffer.of(200)]],
    ['success of the sign-in', [Buffer.of(52)]],
    [
      'a channel with a packet size of nothing',
      [say.open('forwarded-tcpip', 1, 1, 0, rest.forwardedTcp('', 1))],
    ],
  ] as [string, Buffer[]][])('%s', async (_, payloads) => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10, 20_000));
    await fromTarget(rig, say.confirm(0, 20));
    rig.client.heard();

    await fromTarget(rig, ...payloads);

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
    expect(rig.client.disconnected?.reason).toBe(2);
    expect(rig.ended()).toMatchObject({ code: 'protocolViolation' });
  });

  test.each([
    ['data', say.data(0, 'x')],
    ['a request', say.request(0, 'exit-status', false, rest.status(0))],
    ['a window', say.adjust(0, 1)],
    ['an end', say.eof(0)],
    ['a closing', say.close(0)],
    ['an answer', say.success(0)],
  ])('%s in a channel that it has not confirmed', async (_, payload) => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10));
    rig.client.heard();

    await fromTarget(rig, payload);

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
    expect(rig.client.heard()).toEqual([]);
  });

  test('a confirmation with a packet size of nothing', async () => {
    const rig = startRig();
    await fromClient(rig, say.open('session', 10));

    await fromTarget(rig, say.confirm(0, 20, 1_000_000, 0));

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
  });

  test('requests without end', async () => {
    const rig = await session();

    for (let index = 0; index < 5_000; index += 1)
      rig.target.say(say.request(0, 'keepalive@openssh.com', true));
    await rig.settle();

    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'tooMany' });
  });

  test('its host keys are nobody’s business', async () => {
    const rig = await session();

    await fromTarget(
      rig,
      say.globalRequest('hostkeys-00@openssh.com', false, rest.strings('key')),
      say.globalRequest('hostkeys-00@openssh.com', true, rest.strings('key')),
    );

    expect(rig.client.heard()).toEqual([]);
    expect(rig.target.heard()).toEqual(['request failure']);
    expect(rig.ended()).toBeUndefined();
  });

  test('garbage where SFTP was asked for closes the channel, not the session', async () => {
    const rig = await session();
    await fromClient(rig, say.request(0, 'subsystem', true, rest.strings('sftp')));
    await fromTarget(rig, say.success(0));
    await fromClient(rig, say.data(0, Buffer.from('0000000501' + '00000003', 'hex')));
    rig.client.heard();
    rig.target.heard();

    await fromTarget(rig, say.data(0, 'HTTP/1.1 200 OK\r\n\r\n'));

    expect(rig.client.heard()).toEqual([expect.stringMatching(/^stderr 10/), 'close 10']);
    expect(rig.target.heard()).toEqual(['close 20']);
    expect(recorded(rig, 'error').at(-1)).toMatchObject({ code: 'protocolViolation' });
    expect(rig.ended()).toBeUndefined();
  });
});

describe('what comes too late', () => {
  test('a request behind the target’s closing does not reach it', async () => {
    const rig = await session();
    await fromClient(rig, exec('id'));
    await fromTarget(rig, say.close(0));
    rig.target.heard();

    await fromClient(
      rig,
      say.request(0, 'window-change', false, rest.size(1, 1)),
      say.data(0, 'x'),
      say.eof(0),
    );
    await fromClient(rig, say.adjust(0, 100), say.close(0));

    expect(rig.target.heard()).toEqual([]);
    expect(rig.ended()).toBeUndefined();
    expect(recordedBytes(rig, 'client bytes', 2)).toBe('x');
  });

  test('nothing but the exit is told a client that has closed', async () => {
    const rig = await session();
    await fromClient(rig, exec('id'), say.close(0));
    const heard = rig.client.heard();

    await fromTarget(rig, say.success(0), say.data(0, 'x'), say.adjust(0, 1), say.eof(0));
    await fromTarget(rig, say.request(0, 'exit-status', false, rest.status(0)), say.close(0));

    expect(heard).toEqual([]);
    expect(rig.client.heard()).toEqual(['request 10 exit-status 0', 'close 10']);
    expect(rig.ended()).toBeUndefined();
  });
});

describe('floods', () => {
  test('of channels: 1,024 are open, the others are told', async () => {
    const rig = startRig();
    rig.client.heard();

    for (let index = 0; index < 1_100; index += 1) rig.client.say(say.open('session', index));
    await rig.settle();

    expect(rig.target.heard()).toHaveLength(1_024);
    expect(rig.client.heard().every(line => /^open failure \d+ 4 /.test(line))).toBe(true);
    expect(rig.ended()).toBeUndefined();
  });

  test('of 10,000 window changes all arrive and are recorded', async () => {
    const rig = await session();
    await fromClient(rig, say.request(0, 'pty-req', false, rest.pty()), say.request(0, 'shell', false));
    rig.target.heard();

    for (let index = 0; index < 10_000; index += 1) {
      rig.client.say(say.request(0, 'window-change', false, rest.size(index, 24)));
    }
    await rig.settle();

    expect(rig.target.heard()).toHaveLength(10_000);
    expect(recorded(rig, 'resize')).toHaveLength(10_001);
  });

  test('of what is only recorded stop when the spool is full', async () => {
    const spool = { full: false };
    const rig = await session({ spool });
    spool.full = true;

    for (let index = 0; index < 100; index += 1) rig.client.say(say.data(0, 'nobody asked'));
    await rig.settle();

    expect(rig.client.unread).toBe(99);
    expect(rig.ended()).toBeUndefined();
  });

  test('to a target that takes no more stop the client', async () => {
    const rig = await session();
    await fromClient(rig, exec('cat'));
    rig.target.full = true;

    for (let index = 0; index < 100; index += 1) {
      rig.client.say(say.data(0, 'x'));
      await rig.settle();
    }
    const held = rig.client.unread;
    rig.target.full = false;
    rig.target.emit('drain');
    await rig.settle();

    expect(held).toBe(99);
    expect(rig.client.unread).toBe(0);
    expect(recordedBytes(rig, 'client bytes', 2)).toHaveLength(100);
  });
});

describe('a connection to a target of the gateway’s own', () => {
  const toShop = say.open('direct-tcpip', 10, 2_097_152, 32_768, rest.directTcp('shop', 5_432));

  /** A session with such a connection, and the gateway's end of it. */
  async function connected(options: RigOptions = {}): Promise<{ rig: Rig; served: Duplex[] }> {
    const served: Duplex[] = [];
    const rig = startRig({ ...options, serve: socket => served.push(socket) });
    rig.client.heard();
    await fromClient(rig, toShop);
    return { rig, served };
  }

  test('is one: bytes, and the end of either side', async () => {
    const { rig, served } = await connected();
    const got: Buffer[] = [];
    served[0]!.on('data', (data: Buffer) => got.push(data));

    await fromClient(rig, say.data(0, 'ping'), say.eof(0));
    served[0]!.end('pong');
    await rig.settle();

    expect(Buffer.concat(got).toString()).toBe('ping');
    expect(rig.client.heard()).toEqual(['confirm 10 0 262144 32768', 'data 10 "pong"', 'eof 10', 'close 10']);
    expect(rig.target.heard()).toEqual([]);
  });

  test.each([
    ['data behind its end', [say.eof(0), say.data(0, 'x')]],
    ['a window larger than a window can be', [say.adjust(0, 0xffff_ffff)]],
  ])('with %s ends the session, and nothing else', async (_name, messages) => {
    const { rig } = await connected();

    await fromClient(rig, ...messages);

    expect(rig.ended()).toMatchObject({ code: 'protocolViolation' });
  });

  test.each([
    ['data', say.data(0, 'x')],
    ['an end', say.eof(0)],
    ['a closing', say.close(0)],
  ])('is not spoken in before it is confirmed: %s', async (_name, message) => {
    const served: Duplex[] = [];
    const rig = startRig({ durable: () => {}, serve: socket => served.push(socket) });

    await fromClient(rig, toShop, message);

    expect(rig.ended()).toMatchObject({ code: 'protocolViolation' });
    expect(served).toEqual([]);
  });

  test('is not served when the session has ended before it is recorded', async () => {
    const served: Duplex[] = [];
    let durable: (() => void) | undefined;
    const rig = startRig({ durable: then => (durable = then), serve: socket => served.push(socket) });
    await fromClient(rig, toShop);

    rig.relay.end(new SallyportError('killed', 'over'));
    durable!();
    await rig.settle();

    expect(served).toEqual([]);
  });

  test.each([
    ['bytes of the client’s', async ({ rig }: { rig: Rig }) => fromClient(rig, say.data(0, 'x'))],
    ['bytes of the target’s', async ({ served }: { served: Duplex[] }) => void served[0]!.write('x')],
  ])('is in use while there are %s', async (_name, act) => {
    const session = await connected();
    session.rig.gate.lastActivity = 0;

    await act(session);
    await session.rig.settle();

    expect(session.rig.gate.lastActivity).toBeGreaterThan(0);
  });

  test('holds no more than one chunk for a client that grants and does not read', async () => {
    const { rig, served } = await connected();
    rig.client.full = true;
    await fromClient(rig, say.adjust(0, 1_000_000_000));
    rig.client.heard();
    let taken = 0;

    for (let times = 0; times < 100; times += 1) served[0]!.write(Buffer.alloc(65_536), () => (taken += 1));
    await rig.settle();
    const sentBlocked = rig.client.heard().length;
    rig.client.full = false;
    rig.client.emit('drain');
    await rig.settle();

    expect(sentBlocked).toBeLessThanOrEqual(2);
    expect(taken).toBe(100);
  });
});
