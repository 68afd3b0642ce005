import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, Query } from 'pg';
import { postgresBin } from '../../harness/tools.ts';
import { eventually } from '../support/eventually.ts';
import { type Login, libpqEnvironment, openClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  cancelRequest,
  columnsOf,
  type Encryption,
  errorFields,
  messages,
  startup,
  WireClient,
} from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

const canceled = '57014';
const sleeping = (marker: string) => `SELECT pg_sleep(60), '${marker}'`;

/** Resolves when the target runs a statement with these words. */
const untilRunning = (words: string) =>
  sut.stack.postgres.administer('postgres', admin =>
    eventually(`the target runs ${words}`, async () => {
      const { rowCount } = await admin.query(
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE $1",
        [`%${words}%`],
      );
      return (rowCount ?? 0) > 0;
    }),
  );

test('Ctrl-C in psql stops the statement and not the session', async () => {
  // At a terminal, where psql lives on after Ctrl-C: script(1) makes one.
  const terminal = spawn('script', ['-qefc', `${postgresBin}/psql -X -q -A -t -P pager=off`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'dumb', ...libpqEnvironment(sut.login('dev')) },
  });
  const said: Buffer[] = [];
  terminal.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  terminal.stdin.write(`${sleeping('by psql')};\n`);
  await untilRunning('by psql');

  terminal.stdin.write('\x03');
  await eventually('psql says so', () => String(said).includes('canceling statement due to user request'));
  terminal.stdin.write("SELECT 'the session ' || 'goes on';\n\\q\n");
  await once(terminal, 'close');

  expect(Buffer.concat(said).toString()).toContain('the session goes on');
}, 60_000);

test("node-postgres' cancel stops the statement", async () => {
  const login = sut.login('dev');
  const client = await openClient(login);
  const query = new Query(sleeping('by pg'));
  const failed = once(query, 'error') as Promise<[{ code: string }]>;
  client.query(query);
  await untilRunning('by pg');

  const canceller = new Client({ host: login.host, port: login.port });
  (canceller as unknown as { cancel(client: Client, query: Query): void }).cancel(client, query);

  expect((await failed)[0].code).toBe(canceled);
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await client.end();
}, 60_000);

describe('a client by hand', () => {
  const encrypted = (): Encryption => ({ kind: 'request', ca: readFileSync(sut.login('dev').ca!) });

  test.each([
    ['protocol 3.0, in the clear', 0, false, 4],
    ['protocol 3.0, encrypted', 0, true, 4],
    ['protocol 3.2 with its longer key, in the clear', 2, false, 32],
    ['protocol 3.2 with its longer key, encrypted', 2, true, 32],
  ])(
    'cancels by %s',
    async (words, minor, isEncrypted, keyBytes) => {
      const login = sut.login('dev');
      const encryption: Encryption = isEncrypted ? encrypted() : { kind: 'none' };
      const wire = await WireClient.signIn(login, { encryption, minor });
      expect(wire.key!.secretKey).toHaveLength(keyBytes);
      wire.send(messages.query(sleeping(words)));
      await untilRunning(words);

      await cancel(login, encryption, wire.key!.processId, wire.key!.secretKey);

      const answer = await wire.until('Z', 10_000);
      expect(errorFields(answer.find(message => message.type === 'E')!)['C']).toBe(canceled);
      expect(columnsOf((await wire.query('SELECT 1')).find(message => message.type === 'D')!)).toEqual(['1']);
      wire.end();
    },
    60_000,
  );

  test('a key that differs in its last byte cancels nothing, and is answered the same', async () => {
    const login = sut.login('dev');
    const wire = await WireClient.signIn(login, { minor: 2 });
    wire.send(messages.query("SELECT pg_sleep(1.5), 'guess'"));
    await untilRunning('guess');
    const guess = Buffer.from(wire.key!.secretKey);
    guess[31] = guess[31]! ^ 1;

    await cancel(login, { kind: 'none' }, wire.key!.processId, guess);

    expect((await wire.until('Z', 10_000)).map(message => message.type)).toEqual(['T', 'D', 'C', 'Z']);
    wire.end();
  }, 60_000);

  test("the target's own key is not the client's to know", async () => {
    const wire = await WireClient.signIn(sut.login('dev'));

    const answer = await wire.query('SELECT pg_backend_pid()');

    expect(columnsOf(answer.find(message => message.type === 'D')!)).not.toEqual([
      String(wire.key!.processId),
    ]);
    wire.end();
  });

  test('a key of a session that is gone is answered like any other', async () => {
    const login = sut.login('dev');
    const wire = await WireClient.signIn(login);
    wire.end();
    await sleep(200);

    await cancel(login, { kind: 'none' }, wire.key!.processId, wire.key!.secretKey);
  });

  test('a client that speaks a version to come is told what is spoken here', async () => {
    const login = sut.login('dev');
    const wire = await WireClient.connect(login);

    wire.send(startup({ user: login.user, database: login.database, '_pq_.new_thing': 'on' }, 9));

    const told = await wire.expect('v');
    expect(told.body.readInt32BE(0)).toBe((3 << 16) | 2);
    expect(told.body.toString('utf8', 8)).toBe('_pq_.new_thing\0');
    wire.end();
  });

  async function cancel(login: Login, encryption: Encryption, processId: number, key: Buffer): Promise<void> {
    const wire = await WireClient.connect(login, encryption);
    wire.send(cancelRequest(processId, key));
    // No word in answer, whether it helped or not.
    expect(await wire.next(10_000)).toBeUndefined();
  }
});
