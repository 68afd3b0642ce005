import { join } from 'node:path';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Aws, startAws } from '#local/aws/server.ts';
import { administrator, clientOptions, refusal, region } from './endpoint.ts';

const TableName = 'faulty';
let aws: Aws;
let client: DynamoDBClient;

beforeAll(async () => {
  aws = await startAws({
    region,
    roles: [administrator],
    functions: [
      {
        name: 'misbehave',
        source: join(import.meta.dirname, 'functions', 'misbehave.ts'),
        role: 'administrator',
      },
    ],
    routes: [{ method: 'GET', path: '/misbehave', function: 'misbehave', auth: 'none' }],
  });
  client = new DynamoDBClient(clientOptions(aws.endpoint));
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );
}, 30_000);
afterEach(() => aws.faults.clear());
afterAll(async () => {
  client.destroy();
  await aws.stop();
});

const put = (pk: string) => client.send(new PutItemCommand({ TableName, Item: { pk: { S: pk } } }));
const exists = async (pk: string) => {
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: { pk: { S: pk } } }));
  return Item !== undefined;
};

describe('a fault', () => {
  test('of the kind error answers so, without doing the work, as often as asked', async () => {
    const fault = { kind: 'error', code: 'ProvisionedThroughputExceededException', status: 400 } as const;
    aws.faults.next({ service: 'dynamodb', operation: 'PutItem', times: 2, fault });

    const outcomes = [
      await refusal(put('a')),
      await refusal(put('a')),
      await exists('a'),
      await refusal(put('a')),
      await exists('a'),
    ];

    const refused = { name: 'ProvisionedThroughputExceededException', status: 400 };
    expect(outcomes).toEqual([refused, refused, false, { name: 'none', status: 200 }, true]);
    expect(aws.faults.pending()).toBe(0);
  });

  test('meets only the operation it names', async () => {
    aws.faults.next({
      service: 'dynamodb',
      operation: 'PutItem',
      fault: { kind: 'error', code: 'InternalServerError' },
    });

    await exists('b');

    expect(aws.faults.pending()).toBe(1);
  });

  test('can be a conflict of transactions, which the stand-in itself never has', async () => {
    const fault = { kind: 'error', code: 'TransactionConflictException', status: 400 } as const;
    aws.faults.next({ service: 'dynamodb', fault });

    const write = new TransactWriteItemsCommand({
      TransactItems: [{ Put: { TableName, Item: { pk: { S: 'c' } } } }],
    });

    expect(await refusal(client.send(write))).toEqual({ name: 'TransactionConflictException', status: 400 });
  });

  test('of the kind drop does the work and loses the answer', async () => {
    aws.faults.next({ service: 'dynamodb', operation: 'PutItem', fault: { kind: 'drop' } });

    const { status, name } = await refusal(put('dropped'));

    expect([status, name]).toEqual([undefined, 'Error']);
    expect(await exists('dropped')).toBe(true);
  });

  test('of the kind delay only delays', async () => {
    aws.faults.next({ service: 'dynamodb', operation: 'PutItem', fault: { kind: 'delay', ms: 150 } });
    const begun = performance.now();

    await put('delayed');

    expect(performance.now() - begun).toBeGreaterThanOrEqual(149);
  });

  test('of the kind hang does nothing and says nothing', async () => {
    aws.faults.next({ service: 'dynamodb', operation: 'PutItem', fault: { kind: 'hang' } });

    const patient = client.send(new PutItemCommand({ TableName, Item: { pk: { S: 'hung' } } }), {
      abortSignal: AbortSignal.timeout(200),
    });

    expect((await refusal(patient)).name).toBe('AbortError');
    expect(await exists('hung')).toBe(false);
  });

  test('meets the HTTP API by its route key', async () => {
    aws.faults.next({
      service: 'execute-api',
      operation: 'GET /misbehave',
      fault: { kind: 'error', code: 'X', message: 'Service Unavailable', status: 503 },
    });

    const first = await fetch(`${aws.apiUrl}/misbehave`);
    const second = await fetch(`${aws.apiUrl}/misbehave`);

    expect([first.status, second.status]).toEqual([503, 200]);
  });
});

describe('the stand-in', () => {
  test('stops while a call hangs and a function runs, within its grace', async () => {
    const other = await startAws({
      region,
      roles: [administrator],
      functions: [
        {
          name: 'misbehave',
          source: join(import.meta.dirname, 'functions', 'misbehave.ts'),
          role: 'administrator',
        },
      ],
      routes: [{ method: 'GET', path: '/misbehave', function: 'misbehave', auth: 'none' }],
    });
    other.faults.next({ service: 'execute-api', fault: { kind: 'hang' } });
    const hung = fetch(`${other.apiUrl}/misbehave`).catch(() => 'cut');
    const running = fetch(`${other.apiUrl}/misbehave?act=hang`).catch(() => 'cut');
    await fetch(`${other.apiUrl}/misbehave`);
    const begun = performance.now();

    await Promise.all([other.stop(), other.stop()]);

    expect(performance.now() - begun).toBeLessThan(4000);
    expect(await hung).toBe('cut');
    expect(await running).toBe('cut');
    await expect(fetch(other.apiUrl)).rejects.toThrow();
  });

  test.each([
    ['an address that others can reach', { host: '0.0.0.0' }],
    ['a name', { host: 'localhost' }],
    [
      'a route without its function',
      { routes: [{ method: 'GET', path: '/', function: 'absent', auth: 'none' }] },
    ],
    ['a function without its role', { functions: [{ name: 'f', file: '/f.mjs', role: 'absent' }] }],
    ['two roles with one key', { roles: [administrator, { ...administrator, name: 'twin' }] }],
  ] as const)('refuses %s', async (_what, options) => {
    await expect(startAws({ roles: [administrator], region, ...options })).rejects.toThrow(TypeError);
  });

  test('says which file and line do not build', async () => {
    const functions = [{ name: 'absent', source: '/nowhere/handler.ts', role: 'administrator' }];

    await expect(startAws({ roles: [administrator], region, functions })).rejects.toThrow(
      '/nowhere/handler.ts',
    );
  });
});
