import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ControlRelay, startControlRelay } from '../support/control-relay.ts';
import { eventually } from '../support/eventually.ts';
import { openClient, sqlStateOf, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const maxAgeMs = 12_000;

let relay: ControlRelay;
let sut: TestStack;
beforeAll(async () => {
  relay = await startControlRelay(() => sut.stack.ready.control.url);
  sut = await startTestStack();
  relay.maxAgeMs = maxAgeMs;
  await sut.stack.gateway.restart({ SALLYPORT_CONTROL_URL: relay.url });
}, 90_000);
afterAll(async () => {
  await sut?.stop();
  await relay?.stop();
}, 30_000);

const isReady = async () => (await fetch(`${sut.stack.ready.gateway.health}/ready`)).ok;
const opening = () => sqlStateOf(withClient(sut.login('dev'), async () => {}));

test('while the control plane is away sessions go on until policy is too old, and none begins', async () => {
  const client = await openClient(sut.login('dev'));
  await client.query('SELECT id FROM orders LIMIT 1');

  relay.open = false;
  const cutAt = Date.now();
  const newcomer = await opening();
  const goesOn = await client.query('SELECT id FROM orders WHERE id = 3');
  const state = await eventually(
    'statements are refused',
    () => sqlStateOf(client.query('SELECT id FROM orders WHERE id = 3')),
    maxAgeMs + 15_000,
  );
  const refusedAfterMs = Date.now() - cutAt;

  expect(newcomer).toBe('57P03');
  expect(goesOn.rows).toEqual([{ id: 3 }]);
  expect(state).toBe('57P03');
  // The last answer may have come five seconds before the cut.
  expect(refusedAfterMs).toBeGreaterThan(maxAgeMs - 6_000);
  expect(refusedAfterMs).toBeLessThan(maxAgeMs + 5_000);
  expect(await isReady()).toBe(false);

  relay.open = true;
  await eventually('the task is ready again', isReady, 15_000);
  // The same session, as if nothing had been.
  expect((await client.query('SELECT id FROM orders WHERE id = 4')).rows).toEqual([{ id: 4 }]);
  expect(await opening()).toBeUndefined();
  await client.end();
}, 90_000);

test('a session that would outlive its policy cannot commit half of what it began', async () => {
  const client = await openClient(sut.login('dev'));
  await client.query('BEGIN');
  await client.query("UPDATE orders SET status = 'returned' WHERE id = 6");

  relay.open = false;
  await eventually('policy is too old', async () => !(await isReady()), maxAgeMs + 15_000);
  const committed = await sqlStateOf(client.query('COMMIT'));
  relay.open = true;
  await eventually('the task is ready again', isReady, 15_000);

  expect(committed).toBe('57P03');
  // COMMIT was refused, which failed the transaction.
  expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
  await client.end();
}, 90_000);

test('the AWS tables away: no session begins, one that runs goes on', async () => {
  const client = await openClient(sut.login('dev'));
  const { faults } = sut.stack.aws;

  faults.next({ service: 'dynamodb', times: 10_000, fault: { kind: 'error', code: 'InternalServerError' } });
  const newcomer = await opening();
  const goesOn = await client.query('SELECT 1 AS one');
  faults.clear();

  expect(newcomer).toBe('57P03');
  expect(goesOn.rows).toEqual([{ one: 1 }]);
  await client.end();
}, 90_000);

test('the secret away: the session is refused, and the next one opens', async () => {
  const { faults } = sut.stack.aws;
  // Kept for a while by the gateway: a new task has not read it yet.
  await sut.stack.gateway.restart({ SALLYPORT_CONTROL_URL: relay.url });

  faults.next({
    service: 'secretsmanager',
    times: 10_000,
    fault: { kind: 'error', code: 'InternalServiceError' },
  });
  const refused = await opening();
  faults.clear();

  expect(refused).toMatch(/^(57P03|08001)$/);
  expect(await eventually('it opens again', async () => (await opening()) === undefined)).toBe(true);
}, 90_000);

test('a policy that changes holds for the next statement of a session that runs', async () => {
  const file = `${sut.stack.ready.paths.config}/policies/frozen.cedar`;
  const client = await openClient(sut.login('dev'));
  const read = () => sqlStateOf(client.query('SELECT id FROM orders WHERE id = 3'));
  expect(await read()).toBeUndefined();

  await writeFile(
    file,
    '@id("freeze")\n@message("Everything is frozen.")\nforbid(principal, action in Action::"read", resource);\n',
  );
  await eventually('reads are refused', async () => (await read()) === '42501', 20_000);
  await rm(file);
  await eventually('reads are permitted again', async () => (await read()) === undefined, 20_000);
  await client.end();
}, 90_000);
