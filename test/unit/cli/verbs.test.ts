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
  const made = answers({ ticket, expiresAt: Date.UTC(2026, 0, 15, 12) }, 201);

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
  test('says why, and to which session alone', async () => {
    const { run, calls, printed } = given(
      answers({ sessionId: 's/1', state: 'ordered', heardFrom: true }, 202),
    );

    await run('kill', 's/1', '--reason', 'on fire', '--as', 'dev');

    expect(calls[0]?.url).toBe('http://127.0.0.1:8080/v1/sessions/s%2F1/kill');
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ reason: 'on fire' });
    expect(printed).toEqual({ out: 's/1 is told to end.\n', err: '' });
  });

  test('warns of a gateway task that has gone silent', async () => {
    const { run, printed } = given(answers({ sessionId: 's', state: 'ordered', heardFrom: false }, 202));

    await run('kill', 's', '--reason', 'on fire', '--as', 'dev');

    expect(printed.err).toContain('has not been heard from');
  });

  test('asks for a reason', async () => {
    const { run, calls } = given(answers({}));

    await expect(run('kill', 's', '--as', 'dev')).rejects.toMatchObject({
      code: 'commander.missingMandatoryOptionValue',
    });
    expect(calls).toEqual([]);
  });
});

describe('a refusal of the control plane', () => {
  const kill = (reply: () => Response) => given(reply).run('kill', 's', '--reason', 'x', '--as', 'dev');

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
