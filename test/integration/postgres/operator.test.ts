/** What an operator sees and does while the gateway runs: its port, its certificate, its live sessions. */
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { makeAuthority } from '../support/authority.ts';
import { eventually } from '../support/eventually.ts';
import { openClient, psql, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { messages, WireClient } from '../support/wire-client.ts';

const sallyport = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const health = (path: string, init?: RequestInit) => fetch(sut.stack.ready.gateway.health + path, init);

/** The value of one series of /metrics. */
async function metric(series: string): Promise<number> {
  const text = await (await health('/metrics')).text();
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}

describe('the port for health', () => {
  test.each(['/live', '/ready', '/drain'])('%s answers 200', async path => {
    expect((await health(path)).status).toBe(200);
  });

  test('another path is 404, another method 405', async () => {
    expect((await health('/elsewhere')).status).toBe(404);
    expect((await health('/live', { method: 'POST' })).status).toBe(405);
  });

  test('the metrics count sessions, statements by decision, bytes and refusals', async () => {
    const names = [
      'sallyport_sessions_total{protocol="postgres"}',
      'sallyport_statements_total{decision="allow"}',
      'sallyport_statements_total{decision="deny"}',
      'sallyport_refusals_total{reason="denied"}',
      'sallyport_bytes_total{direction="from-client"}',
      'sallyport_bytes_total{direction="to-client"}',
    ];
    const values = () => Promise.all(names.map(async name => (await metric(name)) || 0));
    const before = await values();

    await psql(sut.login('dev'), ['-c', 'SELECT 1', '-c', 'SELECT 2', '-c', 'DELETE FROM customers']);

    const grown = (await values()).map((value, index) => value - before[index]!);
    expect(grown.slice(0, 4)).toEqual([1, 2, 1, 1]);
    expect(grown[4]).toBeGreaterThan(20);
    expect(grown[5]).toBeGreaterThan(100);
  });

  test('the metrics say how many sessions are open', async () => {
    await withClient(sut.login('dev'), async () => {
      expect(await metric('sallyport_live_sessions{protocol="postgres"}')).toBe(1);
    });
    await eventually('it is gone', async () => {
      const open = await metric('sallyport_live_sessions{protocol="postgres"}');
      return Number.isNaN(open) || open === 0;
    });
  });

  test.each([
    'sallyport_evidence_lag_bytes',
    'nodejs_eventloop_lag_seconds',
    'process_resident_memory_bytes',
  ])('%s is there', async name => {
    expect(await metric(name)).toBeGreaterThanOrEqual(0);
  });

  test('the histograms of decision and journal latency are there', async () => {
    const text = await (await health('/metrics')).text();

    expect(text).toContain('sallyport_decision_seconds_bucket');
    expect(text).toContain('sallyport_journal_seconds_bucket');
  });
});

describe('sallyport kill', () => {
  const change = 'UPDATE orders SET total = 76543 WHERE id = 7';
  const cli = (...args: string[]) =>
    run(process.execPath, ['--disable-warning=ExperimentalWarning', sallyport, ...args], {
      env: {
        SALLYPORT_URL: sut.stack.ready.control.url,
        SALLYPORT_TOKEN: sut.login('approver').password,
      },
    });

  test('ends a live session within five seconds of being told, and its client reads why', async () => {
    const client = await openClient(sut.login('dev'));
    const ended = once(client, 'error') as Promise<[Error & { code: string; detail: string }]>;
    const listed = await cli('sessions', '--live', '--json');
    const id = listed.stdout.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0];
    expect(id).toBeDefined();
    const toldAt = Date.now();

    const killed = await cli('kill', id!, '--reason', 'INC-7: a leaked laptop');
    const [error] = await ended;

    expect(killed.code).toBe(0);
    expect(error.code).toBe('57P01');
    expect(error.message).toContain('approver@shop.example');
    expect(error.detail).toContain('INC-7: a leaked laptop');
    // With the start of the command line tool, which takes most of it on a busy machine.
    expect(Date.now() - toldAt).toBeLessThan(10_000);
    await eventually(
      'it is off the list',
      async () => !(await cli('sessions', '--live', '--json')).stdout.includes(id!),
    );
  });

  test('a statement in flight does not keep a session alive', async () => {
    const client = await openClient(sut.login('dev'));
    const query = client.query('SELECT pg_sleep(60)').catch((error: { code: string }) => error);
    const id = await eventually(
      'it is listed',
      async () => (await cli('sessions', '--live', '--json')).stdout.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0],
    );

    await cli('kill', id, '--reason', 'over');

    expect(await query).toMatchObject({ code: '57P01' });
  });

  test.each([
    ['in the same text', [messages.query(`SELECT pg_sleep(9); ${change}`)]],
    ['in the next one', [messages.query('SELECT pg_sleep(9)'), messages.query(change)]],
    [
      'in the same pipeline',
      [
        ...['SELECT pg_sleep(9)', change].flatMap(text => [
          messages.parse('', text),
          messages.bind('', ''),
          messages.execute(''),
        ]),
        messages.sync(),
      ],
    ],
  ])(
    'what runs stops, and what stands behind it %s does not begin',
    async (_, sent) => {
      const wire = await WireClient.signIn(sut.login('dev'));
      wire.send(...sent);
      const id = await eventually(
        'it is listed',
        async () =>
          (await cli('sessions', '--live', '--json')).stdout.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0],
      );

      await cli('kill', id, '--reason', 'wrong table');
      await wire.closed(10_000);

      await withClient(sut.direct(), async client => {
        const running =
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE query LIKE '%pg_sleep(9)%' AND state = 'active' AND pid <> pg_backend_pid()";
        await eventually(
          'nothing runs',
          async () => (await client.query(running)).rows[0].count === 0,
          2_000,
        );
        await sleep(9_000);
        const { rows } = await client.query('SELECT total::float AS total FROM orders WHERE id = 7');
        expect(rows[0].total).not.toBe(76_543);
      });
    },
    40_000,
  );
});

describe('the certificate', () => {
  test('is renewed while the gateway runs, and a renewal that cannot be used leaves the old one', async () => {
    const files = { cert: join(sut.stack.ready.paths.data, 'pki', 'gateway.pem') };
    const key = join(sut.stack.ready.paths.data, 'pki', 'gateway-key.pem');
    const old = await readFile(files.cert);
    const other = await makeAuthority(sut.folder, 'renewed');
    const pair = await other.issue('localhost', 'serverAuth', ['DNS:localhost']);
    const opensBy = async (ca: string) =>
      (await psql({ ...sut.login('dev'), ca }, ['-c', 'SELECT 1'])).code === 0;
    const running = await openClient(sut.login('dev'));

    await copyFile(pair.key, key);
    await copyFile(pair.cert, files.cert);

    await eventually('the new certificate is shown', () => opensBy(other.ca), 15_000);
    expect(await opensBy(sut.login('dev').ca!)).toBe(false);
    // A session that began under the old one goes on.
    expect((await running.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await running.end();

    await writeFile(files.cert, old);
    await eventually(
      'it is noticed',
      async () =>
        (await readFile(sut.stack.ready.paths.gatewayLog, 'utf8')).includes(
          'the renewed certificate cannot be used',
        ),
      15_000,
    );
    expect(await opensBy(other.ca)).toBe(true);
  });
});
