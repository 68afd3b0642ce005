import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { connect } from '#cli/connection.ts';
import type { Io } from '#cli/io.ts';
import { killCommand } from '#cli/kill.ts';
import { listLiveSessions } from '#cli/live.ts';
import { parseTtl, ticketCommand } from '#cli/ticket.ts';

const ready = {
  gateway: {
    postgres: { host: '127.0.0.1', port: 15432 },
    ca: '/tmp/it\'s "here"/ca.pem',
    health: 'http://x',
  },
  people: { dev: { email: 'dev@example.com', groups: [], token: 'dev-token' } },
  control: { url: 'http://127.0.0.1:8080' },
};
const ticket = `sp_tkt_${'A'.repeat(43)}`;

/** A world with a ready file and a control plane that answers `reply`. */
function given(reply: () => Response, env: Io['env'] = {}, file: unknown = ready) {
  const calls: { url: string; init: RequestInit }[] = [];
  const printed = { out: '', err: '' };
  const io: Io = {
    env,
    fetch: (async (url: URL, init: RequestInit) => {
      calls.push({ url: url.href, init });
      return reply();
    }) as typeof fetch,
    readFile: async path => {
      if (file === null) throw new Error(`ENOENT ${path}`);
      return typeof file === 'string' ? file : JSON.stringify(file);
    },
    out: text => (printed.out += text),
    err: text => (printed.err += text),
  };
  const run = (...words: string[]) => {
    const program = new Command('sallyport').exitOverride().configureOutput({ writeErr: () => {} });
    for (const command of [killCommand(io), ticketCommand(io)]) {
      program.addCommand(command.exitOverride().configureOutput({ writeErr: () => {} }));
    }
    return program.parseAsync(words, { from: 'user' });
  };
  return { io, calls, printed, run };
}
const answers =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status });

describe('sallyport ticket', () => {
  const made = answers({ ticket, expiresAt: Date.UTC(2026, 0, 15, 12), protocol: 'postgres' }, 201);

  test('prints the ticket alone on stdout and a line to paste on stderr', async () => {
    const { run, printed, calls } = given(made);

    await run('ticket', 'shop', '--as', 'dev', '--ttl', '2m');

    expect(printed.out).toBe(`${ticket}\n`);
    expect(printed.err).toContain(
      `PGPASSWORD=${ticket} psql "host=127.0.0.1 port=15432 dbname=shop user=sallyport sslmode=verify-full sslrootcert='/tmp/it\\\\'s \\"here\\"/ca.pem'"`,
    );
    expect(calls[0]?.url).toBe('http://127.0.0.1:8080/v1/tickets');
    expect(new Headers(calls[0]?.init.headers).get('authorization')).toBe('Bearer dev-token');
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ target: 'shop', ttlSeconds: 120 });
  });

  test('for a host has a line for ssh, which asks for it', async () => {
    const { run, printed, calls } = given(
      answers({ ticket, expiresAt: Date.UTC(2026, 0, 15, 12), protocol: 'ssh' }, 201),
    );

    await run('ticket', 'web-1/root', '--as', 'dev');

    expect(printed.out).toBe(`${ticket}\n`);
    expect(printed.err).toContain('ssh -p 22 -o PreferredAuthentications=password web-1/root@GATEWAY');
    expect(printed.err).not.toContain(ticket);
    expect(JSON.parse(String(calls[0]?.init.body))).toMatchObject({ target: 'web-1' });
  });

  test('prints one JSON document for machines', async () => {
    const { run, printed } = given(made);

    await run('ticket', 'shop', '--as', 'dev', '--json');

    expect(JSON.parse(printed.out)).toMatchObject({ ticket, expiresAt: '2026-01-15T12:00:00.000Z' });
    expect(printed.err).toBe('');
  });

  test.each([
    ['30s', 30],
    ['90', 90],
    ['5m', 300],
    ['15m', 900],
  ])('takes %s for %p seconds', (text, seconds) => {
    expect(parseTtl(text)).toBe(seconds);
  });

  test.each(['0', '16m', '1h', '-1', '1.5m', '', 'm'])('takes %p for no time', text => {
    expect(() => parseTtl(text)).toThrow();
  });
});

describe('sallyport kill', () => {
  const id = 'ea647e04-2696-4cbd-ba43-6b431bb56c82';
  const neighbour = 'ea647e04-2696-4cbd-ba43-000000000000';
  const ordered = { sessionId: id, state: 'ordered', heardFrom: true };
  const live = (ids: readonly string[], truncated = false) => ({
    sessions: ids.map(each => ({
      id: each,
      taskId: 'task-1',
      principal: {
        issuer: 'https://id.example',
        subject: 'dev',
        name: 'dev@example.com',
        kind: 'human',
        groups: [],
        expiresAt: 1_900_000_000,
      },
      target: 'shop',
      protocol: 'postgres',
      place: 'orders',
      sourceAddress: '127.0.0.1',
      startedAt: 0,
      policyVersion: 'sha256:00',
    })),
    truncated,
  });
  const urls = (calls: readonly { url: string }[]) =>
    calls.map(({ url }) => url.replace('http://127.0.0.1:8080', ''));

  test('says why, and to which session alone', async () => {
    const { run, calls, printed } = given(answers(ordered, 202));

    await run('kill', id, '--reason', 'on fire', '--as', 'dev');

    expect(urls(calls)).toEqual([`/v1/sessions/${id}/kill`]);
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ reason: 'on fire' });
    expect(printed).toEqual({ out: `${id} is told to end.\n`, err: '' });
  });

  test('finds the one live session whose id begins so', async () => {
    const replies = [live([id, 'ffffffff-2696-4cbd-ba43-000000000000']), ordered];
    const { run, calls, printed } = given(() => Response.json(replies.shift()));

    await run('kill', 'EA647E04', '--reason', 'on fire', '--as', 'dev');

    expect(urls(calls)).toEqual(['/v1/sessions', `/v1/sessions/${id}/kill`]);
    expect(printed.out).toBe(`${id} is told to end.\n`);
  });

  test.each([
    ['that nobody has', 'ffffffff', live([id]), 'Failure', 'sessions --live'],
    ['that two have', 'ea647e04', live([id, neighbour]), 'UsageError', neighbour],
    ['that others past the end of the list may have', 'ea647e04', live([id], true), 'UsageError', 'whole id'],
  ])('ends nothing for a beginning %s', async (_, prefix, list, name, words) => {
    const { run, calls } = given(answers(list));

    await expect(run('kill', prefix, '--reason', 'x', '--as', 'dev')).rejects.toMatchObject({
      name,
      message: expect.stringContaining(words),
    });
    expect(urls(calls)).toEqual(['/v1/sessions']);
  });

  test.each(['', 'ea647e0'])('takes %j for too little of an id', async prefix => {
    const { run, calls } = given(answers(live([id])));

    await expect(run('kill', prefix, '--reason', 'x', '--as', 'dev')).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('8 characters'),
    });
    expect(calls).toEqual([]);
  });

  test('warns of a gateway task that has gone silent', async () => {
    const { run, printed } = given(answers({ ...ordered, heardFrom: false }, 202));

    await run('kill', id, '--reason', 'on fire', '--as', 'dev');

    expect(printed.err).toContain('has not been heard from');
  });

  test.each([
    ['no reason', []],
    ['an empty one', ['--reason', ' ']],
    ['one that would drive a terminal', ['--reason', '\x1b[2Jx']],
    ['one of two lines', ['--reason', 'x\nFATAL:  y']],
  ])('sends nothing with %s, and shows how to write one', async (_, words) => {
    const { run, calls } = given(answers(ordered));

    await expect(run('kill', id, '--as', 'dev', ...words)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('--reason "wrong table"'),
    });
    expect(calls).toEqual([]);
  });
});

describe('a refusal of the control plane', () => {
  const kill = (reply: () => Response) =>
    given(reply).run('kill', 'ea647e04-2696-4cbd-ba43-6b431bb56c82', '--reason', 'x', '--as', 'dev');

  test.each([
    ['in its own words', answers({ title: 'Not you.', status: 403, code: 'forbidden' }, 403), 'Not you.'],
    ['of the authoriser', answers({ message: 'Unauthorized' }, 401), 'The access token is not accepted'],
    ['without words', () => new Response('<html>', { status: 502 }), 'status 502'],
    ['that is nonsense', answers({ state: 'gone' }), 'does not understand'],
    [
      'by silence',
      () => {
        throw new TypeError('fetch failed');
      },
      'does not answer',
    ],
  ])('%s is told in one line', async (_, reply, text) => {
    await expect(kill(reply as () => Response)).rejects.toMatchObject({
      name: 'Failure',
      message: expect.stringContaining(text),
    });
  });
});

test('live sessions are listed', async () => {
  const { io } = given(answers({ sessions: [], truncated: false }));

  await expect(listLiveSessions(await connect({ as: 'dev' }, io), io)).resolves.toEqual({
    sessions: [],
    truncated: false,
  });
});

describe('where to connect', () => {
  const nothing = answers({});

  test('SALLYPORT_URL and SALLYPORT_TOKEN will do', async () => {
    const env = { SALLYPORT_URL: 'https://api.example', SALLYPORT_TOKEN: 'token' };

    await expect(connect({}, given(nothing, env, null).io)).resolves.toMatchObject({ token: 'token' });
  });

  test('a ready file that is named comes first', async () => {
    const env = { SALLYPORT_URL: 'https://api.example', SALLYPORT_TOKEN: 'token' };

    await expect(connect({ readyFile: 'x.json', as: 'dev' }, given(nothing, env).io)).resolves.toMatchObject({
      token: 'dev-token',
    });
  });

  test.each([
    ['a URL without a token', { SALLYPORT_URL: 'https://api.example' }, ready, {}],
    [
      'a URL that would carry the token in the clear',
      { SALLYPORT_URL: 'http://api.example', SALLYPORT_TOKEN: 't' },
      ready,
      {},
    ],
    ['no ready file', {}, null, { as: 'dev' }],
    ['a ready file that is none', {}, '{', { as: 'dev' }],
    ['nobody named', {}, ready, {}],
    ['somebody unknown', {}, ready, { as: 'toString' }],
  ])('%s is a mistake that says what to do', async (_, env, file, options) => {
    await expect(connect(options, given(nothing, env as Io['env'], file).io)).rejects.toMatchObject({
      name: 'UsageError',
    });
  });
});
