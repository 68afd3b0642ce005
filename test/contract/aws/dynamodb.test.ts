import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactGetItemsCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Endpoint, openEndpoint, refusal } from './endpoint.ts';

const TableName = `contract-${randomUUID()}`;
let at: Endpoint;

beforeAll(async () => {
  at = await openEndpoint();
  await at.dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
        { AttributeName: 'owner', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'by-owner',
          KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  );
  await waitUntilTableExists({ client: at.dynamodb, maxWaitTime: 60, minDelay: 1 }, { TableName });
}, 90_000);

afterAll(async () => {
  await at.dynamodb.send(new DeleteTableCommand({ TableName }));
  await at.stop();
});

const key = (pk: string, sk = 'a') => ({ pk: { S: pk }, sk: { S: sk } });
const unique = () => randomUUID();
const put = (item: Record<string, AttributeValue>, more: object = {}) =>
  at.dynamodb.send(new PutItemCommand({ TableName, Item: item, ...more }));
const get = async (pk: string, sk = 'a') =>
  (await at.dynamodb.send(new GetItemCommand({ TableName, Key: key(pk, sk), ConsistentRead: true }))).Item;
const transact = (items: TransactWriteItem[], ClientRequestToken?: string) =>
  at.dynamodb.send(
    new TransactWriteItemsCommand({
      TransactItems: items,
      ...(ClientRequestToken ? { ClientRequestToken } : {}),
    }),
  );
const ifAbsent = { ConditionExpression: 'attribute_not_exists(pk)' };

async function cancellation(call: Promise<unknown>): Promise<TransactionCanceledException> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TransactionCanceledException);
  return error as TransactionCanceledException;
}

describe('tables', () => {
  test('a table is active once it exists, and is listed', async () => {
    const { Table } = await at.dynamodb.send(new DescribeTableCommand({ TableName }));
    const { TableNames } = await at.dynamodb.send(
      new ListTablesCommand({ ExclusiveStartTableName: TableName.slice(0, -1) }),
    );

    expect(Table).toMatchObject({
      TableStatus: 'ACTIVE',
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    });
    expect(TableNames).toContain(TableName);
  });

  test('the same table cannot be made twice', async () => {
    const again = new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    });

    expect(await refusal(at.dynamodb.send(again))).toEqual({ name: 'ResourceInUseException', status: 400 });
  });

  test('a table that is not there is said to be not there', async () => {
    const Key = key('x');
    const missing = { TableName: `absent-${unique()}` };

    for (const call of [
      new GetItemCommand({ ...missing, Key }),
      new PutItemCommand({ ...missing, Item: Key }),
      new TransactWriteItemsCommand({ TransactItems: [{ Delete: { ...missing, Key } }] }),
      new DescribeTimeToLiveCommand(missing),
    ]) {
      expect(await refusal(at.dynamodb.send(call as GetItemCommand))).toEqual({
        name: 'ResourceNotFoundException',
        status: 400,
      });
    }
  });

  test('time to live is off, then on for one attribute, and only once', async () => {
    const update = (Enabled: boolean, AttributeName = 'expiresAt') =>
      at.dynamodb.send(
        new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName, Enabled } }),
      );
    const read = async () => {
      const { TimeToLiveDescription } = await at.dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
      return TimeToLiveDescription;
    };

    expect((await read())?.TimeToLiveStatus).toBe('DISABLED');
    expect((await update(true)).TimeToLiveSpecification).toEqual({
      AttributeName: 'expiresAt',
      Enabled: true,
    });
    expect((await read())?.AttributeName).toBe('expiresAt');
    expect(await refusal(update(true))).toEqual({ name: 'ValidationException', status: 400 });
  });
});

describe('conditional writes', () => {
  test('what is put is read back, every type as it was', async () => {
    const item = {
      ...key(unique()),
      number: { N: '123456789012345678901234567890.5' },
      bytes: { B: new Uint8Array([0, 255, 10]) },
      flag: { BOOL: true },
      none: { NULL: true },
      list: { L: [{ S: 'ä€😀' }, { M: { deep: { SS: ['a', 'b'] } } }] },
    };

    await put(item);

    expect(await get(item.pk.S)).toEqual(item);
  });

  test('the first put wins, the second is refused and changes nothing', async () => {
    const pk = unique();

    await put({ ...key(pk), who: { S: 'first' } }, ifAbsent);
    const second = await refusal(put({ ...key(pk), who: { S: 'second' } }, ifAbsent));

    expect(second).toEqual({ name: 'ConditionalCheckFailedException', status: 400 });
    expect((await get(pk))?.['who']).toEqual({ S: 'first' });
  });

  test('of a hundred puts at once one wins', async () => {
    const pk = unique();

    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) => refusal(put({ ...key(pk), n: { N: String(n) } }, ifAbsent))),
    );

    const winners = outcomes.flatMap(({ name }, n) => (name === 'none' ? [n] : []));
    expect(winners).toHaveLength(1);
    expect(outcomes.filter(({ name }) => name === 'ConditionalCheckFailedException')).toHaveLength(99);
    expect((await get(pk))?.['n']).toEqual({ N: String(winners[0]) });
  });

  test('a hundred additions at once are all counted', async () => {
    const pk = unique();
    const add = new UpdateItemCommand({
      TableName,
      Key: key(pk),
      UpdateExpression: 'ADD seen :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    });

    await Promise.all(Array.from({ length: 100 }, () => at.dynamodb.send(add)));

    expect((await get(pk))?.['seen']).toEqual({ N: '100' });
  });

  test.each(['put', 'update', 'delete'] as const)(
    'a failed %s hands over the old item when asked',
    async kind => {
      const pk = unique();
      await put({ ...key(pk), who: { S: 'here first' } });
      const condition = { ConditionExpression: 'attribute_not_exists(pk)' };
      const calls = {
        put: (more: object) => put(key(pk), { ...condition, ...more }),
        update: (more: object) =>
          at.dynamodb.send(
            new UpdateItemCommand({
              TableName,
              Key: key(pk),
              UpdateExpression: 'SET a = :a',
              ExpressionAttributeValues: { ':a': { S: 'x' } },
              ...condition,
              ...more,
            }),
          ),
        delete: (more: object) =>
          at.dynamodb.send(new DeleteItemCommand({ TableName, Key: key(pk), ...condition, ...more })),
      };

      const failed = (more: object) =>
        calls[kind](more).then(
          () => undefined,
          (error: ConditionalCheckFailedException) => error,
        );
      const withItem = await failed({ ReturnValuesOnConditionCheckFailure: 'ALL_OLD' });
      const without = await failed({});

      expect(withItem).toBeInstanceOf(ConditionalCheckFailedException);
      expect(withItem?.Item).toEqual({ ...key(pk), who: { S: 'here first' } });
      expect(without?.Item).toBeUndefined();
    },
  );

  test('a delete under a condition deletes once', async () => {
    const pk = unique();
    await put(key(pk));
    const remove = new DeleteItemCommand({
      TableName,
      Key: key(pk),
      ConditionExpression: 'attribute_exists(pk)',
      ReturnValues: 'ALL_OLD',
    });

    const outcomes = await Promise.all(Array.from({ length: 20 }, () => refusal(at.dynamodb.send(remove))));

    expect(outcomes.filter(({ name }) => name === 'none')).toHaveLength(1);
    expect(await get(pk)).toBeUndefined();
  });

  test('an update returns what it was asked for', async () => {
    const pk = unique();
    await put({ ...key(pk), a: { N: '1' }, b: { S: 'x' } });

    const { Attributes } = await at.dynamodb.send(
      new UpdateItemCommand({
        TableName,
        Key: key(pk),
        UpdateExpression: 'SET a = a + :two, #c = if_not_exists(#c, :list) REMOVE b',
        ReturnValues: 'ALL_NEW',
        ExpressionAttributeNames: { '#c': 'c' },
        ExpressionAttributeValues: { ':two': { N: '2' }, ':list': { L: [] } },
      }),
    );

    expect(Attributes).toEqual({ ...key(pk), a: { N: '3' }, c: { L: [] } });
  });

  test('the index follows the item', async () => {
    const [pk, one, two] = [unique(), unique(), unique()];
    const owned = async (owner: string) => {
      const { Count } = await at.dynamodb.send(
        new QueryCommand({
          TableName,
          IndexName: 'by-owner',
          KeyConditionExpression: '#o = :o',
          ExpressionAttributeNames: { '#o': 'owner' },
          ExpressionAttributeValues: { ':o': { S: owner } },
        }),
      );
      return Count;
    };

    await put({ ...key(pk), owner: { S: one } });
    await put({ ...key(pk), owner: { S: two } });

    expect(await owned(one)).toBe(0);
    expect(await owned(two)).toBe(1);
  });
});

describe('limits', () => {
  const itemOf = (bytes: number, character: string) => {
    const pk = unique();
    const overhead = 'pk'.length + pk.length + 'sk'.length + 'a'.length + 'blob'.length;
    const count = Math.floor((bytes - overhead) / Buffer.byteLength(character));
    return { ...key(pk), blob: { S: character.repeat(count) } };
  };

  test.each(['x', 'ä'])('an item of 400 KB of %j passes, one byte more does not', async character => {
    const fits = itemOf(400 * 1024, character);
    const tooLarge = { ...fits, blob: { S: `${fits.blob.S}${character}` } };

    await put(fits);

    expect(await refusal(put(tooLarge))).toEqual({ name: 'ValidationException', status: 400 });
    expect((await get(fits.pk.S))?.['blob']?.S).toHaveLength(fits.blob.S.length);
  });

  test('an update cannot grow an item past 400 KB', async () => {
    const item = itemOf(300 * 1024, 'ä');
    await put(item);

    const grow = new UpdateItemCommand({
      TableName,
      Key: { pk: item.pk, sk: item.sk },
      UpdateExpression: 'SET more = :more',
      ExpressionAttributeValues: { ':more': { S: 'ä'.repeat(60 * 1024) } },
    });

    expect(await refusal(at.dynamodb.send(grow))).toEqual({ name: 'ValidationException', status: 400 });
  });

  test('a batch writes 25 items and reads 100', async () => {
    const pk = unique();
    const requests = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({
        PutRequest: { Item: key(pk, String(from + n).padStart(3, '0')) },
      }));
    const write = (from: number, count: number) =>
      at.dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: requests(from, count) } }));
    const read = (count: number) =>
      at.dynamodb.send(
        new BatchGetItemCommand({
          RequestItems: {
            [TableName]: {
              Keys: Array.from({ length: count }, (_, n) => key(pk, String(n).padStart(3, '0'))),
            },
          },
        }),
      );

    for (const from of [0, 25, 50, 75]) await write(from, 25);

    expect((await read(100)).Responses?.[TableName]).toHaveLength(100);
    expect(await refusal(write(0, 26))).toEqual({ name: 'ValidationException', status: 400 });
    expect(await refusal(read(101))).toEqual({ name: 'ValidationException', status: 400 });
  });

  test('a batch may not name an item twice', async () => {
    const Item = key(unique());
    const batch = new BatchWriteItemCommand({
      RequestItems: { [TableName]: [{ PutRequest: { Item } }, { DeleteRequest: { Key: Item } }] },
    });

    expect(await refusal(at.dynamodb.send(batch))).toEqual({ name: 'ValidationException', status: 400 });
  });

  test.each([
    ['an item without its sort key', { pk: { S: 'x' } }],
    ['a key of another type', { pk: { N: '1' }, sk: { S: 'a' } }],
    ['an empty key', { pk: { S: '' }, sk: { S: 'a' } }],
    ['a number that is none', { ...key('x'), n: { N: 'one' } }],
    ['a set with the same twice', { ...key('x'), s: { SS: ['a', 'a'] } }],
  ])('%s is refused', async (_what, item) => {
    expect(await refusal(put(item as Record<string, AttributeValue>))).toEqual({
      name: 'ValidationException',
      status: 400,
    });
  });
});

describe('queries', () => {
  const pk = unique();
  const page = (more: object) =>
    at.dynamodb.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: pk } },
        ConsistentRead: true,
        ...more,
      }),
    );

  beforeAll(async () => {
    const blob = { S: 'x'.repeat(100 * 1024) };
    for (let n = 0; n < 25; n++) await put({ ...key(pk, String(n).padStart(3, '0')), blob });
  });

  test('pages by number, forwards and backwards, meet every item once', async () => {
    for (const ScanIndexForward of [true, false]) {
      const seen: string[] = [];
      let start: Record<string, AttributeValue> | undefined;
      do {
        const answer = await page({ Limit: 7, ScanIndexForward, ExclusiveStartKey: start });
        seen.push(...answer.Items!.map(item => item['sk']!.S!));
        start = answer.LastEvaluatedKey;
      } while (start !== undefined);

      const expected = Array.from({ length: 25 }, (_, n) => String(n).padStart(3, '0'));
      expect(seen).toEqual(ScanIndexForward ? expected : expected.reverse());
    }
  });

  test('a page ends at 1 MB', async () => {
    const { Items, LastEvaluatedKey } = await page({});

    expect(Items!.length).toBeGreaterThanOrEqual(10);
    expect(Items!.length).toBeLessThanOrEqual(11);
    expect(LastEvaluatedKey).toBeDefined();
  });

  test('a filter filters after the page is cut', async () => {
    const { Count, ScannedCount } = await page({
      Limit: 5,
      FilterExpression: 'begins_with(nothing, :x)',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':x': { S: 'x' } },
    });

    expect([Count, ScannedCount]).toEqual([0, 5]);
  });

  test('a range of sort keys', async () => {
    const { Items } = await page({
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ProjectionExpression: 'sk',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: '003' }, ':to': { S: '005' } },
    });

    expect(Items).toEqual([{ sk: { S: '003' } }, { sk: { S: '004' } }, { sk: { S: '005' } }]);
  });

  test('a consistent read sees the write that was just answered', async () => {
    for (let n = 0; n < 50; n++) {
      const id = unique();
      await put({ ...key(id), n: { N: String(n) } });
      expect((await get(id))?.['n']).toEqual({ N: String(n) });
    }
  });

  test('a scan finds what was put', async () => {
    const id = unique();
    await put(key(id));
    const found: string[] = [];
    let start: Record<string, AttributeValue> | undefined;

    do {
      const answer = await at.dynamodb.send(
        new ScanCommand({
          TableName,
          ProjectionExpression: 'pk',
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      found.push(...answer.Items!.map(item => item['pk']!.S!));
      start = answer.LastEvaluatedKey;
    } while (start !== undefined);

    expect(found).toContain(id);
  });
});

describe('transactions', () => {
  const putStep = (pk: string, more: object = {}): TransactWriteItem => ({
    Put: { TableName, Item: key(pk), ...more },
  });

  test('all of it happens', async () => {
    const [a, b, c, d] = [unique(), unique(), unique(), unique()];
    await put({ ...key(b), n: { N: '1' } });
    await put(key(c));
    await put(key(d));

    await transact([
      putStep(a, ifAbsent),
      {
        Update: {
          TableName,
          Key: key(b),
          UpdateExpression: 'ADD n :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        },
      },
      { Delete: { TableName, Key: key(c) } },
      { ConditionCheck: { TableName, Key: key(d), ConditionExpression: 'attribute_exists(pk)' } },
    ]);

    expect([await get(a), await get(b), await get(c)]).toEqual([
      key(a),
      { ...key(b), n: { N: '2' } },
      undefined,
    ]);
  });

  test('one failed condition cancels all, and the reasons stand in the order of the items', async () => {
    const [a, b, c] = [unique(), unique(), unique()];
    await put({ ...key(b), who: { S: 'here first' } });

    const { CancellationReasons } = await cancellation(
      transact([
        putStep(a, ifAbsent),
        putStep(b, { ...ifAbsent, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
        { ConditionCheck: { TableName, Key: key(c), ConditionExpression: 'attribute_exists(pk)' } },
      ]),
    );

    expect(CancellationReasons).toMatchObject([
      { Code: 'None' },
      { Code: 'ConditionalCheckFailed', Item: { ...key(b), who: { S: 'here first' } } },
      { Code: 'ConditionalCheckFailed' },
    ]);
    expect(CancellationReasons?.[2]?.Item).toBeUndefined();
    expect(await get(a)).toBeUndefined();
  });

  test('a key that does not fit the table is a reason too', async () => {
    const a = unique();

    const { CancellationReasons } = await cancellation(
      transact([putStep(a), { Delete: { TableName, Key: { pk: { S: 'only half' } } } }]),
    );

    expect(CancellationReasons?.map(({ Code }) => Code)).toEqual(['None', 'ValidationError']);
    expect(await get(a)).toBeUndefined();
  });

  test('the same token with the same items counts once; with others it is refused', async () => {
    const pk = unique();
    const token = unique();
    const add = (by: string): TransactWriteItem => ({
      Update: {
        TableName,
        Key: key(pk),
        UpdateExpression: 'ADD n :by',
        ExpressionAttributeValues: { ':by': { N: by } },
      },
    });

    await transact([add('1')], token);
    await transact([add('1')], token);
    const other = await refusal(transact([add('2')], token));

    expect(other).toEqual({ name: 'IdempotentParameterMismatchException', status: 400 });
    expect((await get(pk))?.['n']).toEqual({ N: '1' });
  });

  test('a cancelled transaction leaves its token free', async () => {
    const [pk, token] = [unique(), unique()];
    const check: TransactWriteItem = {
      ConditionCheck: { TableName, Key: key(pk), ConditionExpression: 'attribute_exists(pk)' },
    };
    const other = unique();

    await cancellation(transact([check, putStep(other)], token));
    await put(key(pk));
    await transact([check, putStep(other)], token);

    expect(await get(other)).toEqual(key(other));
  });

  test('at most 100 items, each named once', async () => {
    const pk = unique();
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ Put: { TableName, Item: key(pk, String(n)) } }));

    await transact(many(100));

    expect(await refusal(transact(many(101)))).toEqual({ name: 'ValidationException', status: 400 });
    expect(await refusal(transact([putStep(pk), { Delete: { TableName, Key: key(pk) } }]))).toEqual({
      name: 'ValidationException',
      status: 400,
    });
    expect(await refusal(transact([]))).toEqual({ name: 'ValidationException', status: 400 });
  });

  test('of fifty transactions that claim the same name one wins', async () => {
    const name = unique();

    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        refusal(transact([putStep(name, ifAbsent), putStep(`${name}-${n}`)])),
      ),
    );

    expect(outcomes.filter(({ name: code }) => code === 'none')).toHaveLength(1);
    const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => get(`${name}-${n}`)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  test('a transactional read never sees half of a transaction', async () => {
    const [a, b] = [unique(), unique()];
    const setBoth = (n: number) =>
      transact([a, b].map(pk => ({ Put: { TableName, Item: { ...key(pk), n: { N: String(n) } } } })));
    const readBoth = async () => {
      const { Responses } = await at.dynamodb.send(
        new TransactGetItemsCommand({
          TransactItems: [a, b].map(pk => ({ Get: { TableName, Key: key(pk) } })),
        }),
      );
      return Responses!.map(({ Item }) => Item?.['n']?.N);
    };
    await setBoth(0);

    let writing = true;
    const writes = (async () => {
      for (let n = 1; n <= 60; n++) await setBoth(n);
      writing = false;
    })();
    const torn: unknown[] = [];
    let reads = 0;
    while (writing) {
      const [first, second] = await readBoth();
      if (first !== second) torn.push([first, second]);
      reads += 1;
    }
    await writes;

    expect(torn).toEqual([]);
    expect(reads).toBeGreaterThan(10);
    expect(await readBoth()).toEqual(['60', '60']);
  });

  test('a transactional read answers in order, with nothing where there is nothing', async () => {
    const [a, b] = [unique(), unique()];
    await put(key(b));

    const { Responses } = await at.dynamodb.send(
      new TransactGetItemsCommand({
        TransactItems: [a, b].map(pk => ({ Get: { TableName, Key: key(pk) } })),
      }),
    );

    expect(Responses).toEqual([{}, { Item: key(b) }]);
  });
});
