import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startAws } from '#local/aws/server.ts';
import { administrator, clientOptions, region } from './endpoint.ts';

const TableName = 'durable';
let folder: string;
let child: ChildProcess | undefined;
/** Ended after each test, whatever became of it. */
let endings: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-durable-'));
});
afterEach(async () => {
  for (const end of endings) await end();
  endings = [];
  await kill();
  await rm(folder, { recursive: true });
});

async function start(): Promise<string> {
  child = fork(join(import.meta.dirname, 'child.ts'), [folder], { execArgv: [], env: {} });
  const [endpoint] = (await once(child, 'message')) as [string];
  return endpoint;
}

function open<T extends { destroy(): void }>(client: T): T {
  endings.push(() => client.destroy());
  return client;
}

async function kill(): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function items(client: DynamoDBClient): Promise<Record<string, AttributeValue>[]> {
  const found: Record<string, AttributeValue>[] = [];
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName,
        ConsistentRead: true,
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      }),
    );
    found.push(...page.Items!);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return found;
}

const makeTable = (client: DynamoDBClient) =>
  client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'owner', AttributeType: 'S' },
      ],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'by-owner',
          KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    }),
  );

async function owned(client: DynamoDBClient, owner: string): Promise<number> {
  const names = { '#o': 'owner' };
  let count = 0;
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
  do {
    const page = await client.send(
      new QueryCommand({
        TableName,
        IndexName: 'by-owner',
        Select: 'COUNT',
        KeyConditionExpression: '#o = :o',
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: { ':o': { S: owner } },
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      }),
    );
    count += page.Count!;
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return count;
}

test('killed again and again in the midst of writes, it has every write that was answered, and no half of one', async () => {
  const acknowledged = new Set<string>();
  const pairs = new Set<string>();
  let client = open(new DynamoDBClient(clientOptions(await start())));
  await makeTable(client);

  for (let round = 0; round < 5; round++) {
    let running = true;
    const writer = async (name: string) => {
      for (let n = 0; running; n++) {
        const pk = `${round}-${name}-${n}`;
        const item = (half: string) => ({ pk: { S: `${pk}-${half}` }, owner: { S: 'somebody' } });
        try {
          if (n % 2 === 0) {
            await client.send(new PutItemCommand({ TableName, Item: item('one') }));
            acknowledged.add(`${pk}-one`);
          } else {
            const puts = ['a', 'b', 'c'].map(half => ({ Put: { TableName, Item: item(half) } }));
            await client.send(new TransactWriteItemsCommand({ TransactItems: puts }));
            pairs.add(pk);
          }
        } catch {
          return; // It has been killed.
        }
      }
    };
    const writers = Array.from({ length: 8 }, (_, n) => writer(String(n)));
    // Killed in the midst of it: after some answers, at no particular moment between two of them.
    const enough = acknowledged.size + pairs.size + 60;
    while (child?.exitCode === null && acknowledged.size + pairs.size < enough) await sleep(5);
    await kill();
    running = false;
    await Promise.all(writers);
    client = open(new DynamoDBClient(clientOptions(await start())));
  }
  const present = new Set((await items(client)).map(({ pk }) => pk!.S!));
  const inIndex = await owned(client, 'somebody');

  expect(acknowledged.size).toBeGreaterThan(100);
  expect(pairs.size).toBeGreaterThan(50);
  const lost = [
    ...acknowledged,
    ...[...pairs].flatMap(pk => ['a', 'b', 'c'].map(half => `${pk}-${half}`)),
  ].filter(pk => !present.has(pk));
  expect(lost).toEqual([]);
  const parts = Map.groupBy(
    [...present].filter(pk => !pk.endsWith('-one')),
    pk => pk.slice(0, -2),
  );
  expect([...parts.values()].filter(found => found.length !== 3)).toEqual([]);
  expect(inIndex).toBe(present.size);
}, 120_000);

test('a secret that was answered survives a kill', async () => {
  let secrets = open(new SecretsManagerClient(clientOptions(await start())));
  await secrets.send(new CreateSecretCommand({ Name: 'kept', SecretString: 'one' }));
  await secrets.send(new PutSecretValueCommand({ SecretId: 'kept', SecretString: 'two' }));

  await kill();
  secrets = open(new SecretsManagerClient(clientOptions(await start())));

  const read = async (VersionStage: string) =>
    (await secrets.send(new GetSecretValueCommand({ SecretId: 'kept', VersionStage }))).SecretString;
  expect([await read('AWSCURRENT'), await read('AWSPREVIOUS')]).toEqual(['two', 'one']);
});

test('a transaction whose answer was lost in a kill is not done twice when it is tried again', async () => {
  let client = open(new DynamoDBClient(clientOptions(await start())));
  await makeTable(client);
  const add = new TransactWriteItemsCommand({
    ClientRequestToken: randomBytes(16).toString('hex'),
    TransactItems: [
      {
        Update: {
          TableName,
          Key: { pk: { S: 'counter' } },
          UpdateExpression: 'ADD n :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        },
      },
    ],
  });
  await client.send(add);

  await kill();
  client = open(new DynamoDBClient(clientOptions(await start())));
  await client.send(add);

  expect((await items(client))[0]?.['n']).toEqual({ N: '1' });
});

test('a second process on the same folder is refused', async () => {
  await start();

  const second = startAws({ dataDir: folder, region, roles: [administrator] });

  await expect(second).rejects.toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
});

test('what has expired stays until the sweep, and goes with it', async () => {
  let now = 1_800_000_000_000;
  const aws = await startAws({ dataDir: folder, region, roles: [administrator], clock: () => now });
  endings.push(() => aws.stop());
  const client = open(
    new DynamoDBClient({ ...clientOptions(aws.endpoint), systemClockOffset: now - Date.now() }),
  );
  await makeTable(client);
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName,
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    }),
  );
  const seconds = now / 1000;
  const put = (pk: string, expiresAt: AttributeValue) =>
    client.send(new PutItemCommand({ TableName, Item: { pk: { S: pk }, owner: { S: 'x' }, expiresAt } }));
  await put('soon', { N: String(seconds + 60) });
  await put('later', { N: String(seconds + 600) });
  await put('no number', { S: String(seconds + 60) });
  await put('ages ago', { N: '1' });

  now += 61_000;
  const before = (await items(client)).length;
  const swept = await aws.sweepExpired();
  const after = (await items(client)).map(({ pk }) => pk!.S!).sort();
  const inIndex = await owned(client, 'x');

  expect([before, swept, inIndex]).toEqual([4, 1, 3]);
  expect(after).toEqual(['ages ago', 'later', 'no number']);
});
