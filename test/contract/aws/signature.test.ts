import { Sha256 } from '@aws-crypto/sha256-js';
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Role } from '#local/aws/roles.ts';
import { type Aws, startAws } from '#local/aws/server.ts';
import { administrator, clientOptions, refusal, region } from './endpoint.ts';
import { outcome, type SignedFetch, signedFetch } from './signed-fetch.ts';

const TableName = 'journal';
const gateway: Role = {
  name: 'gateway',
  accessKeyId: 'AKIAGATEWAY',
  secretAccessKey: 'secret of the gateway',
  allow: [`dynamodb:PutItem ${TableName}`, `dynamodb:GetItem ${TableName}`],
};
let now = Date.now();
let aws: Aws;

beforeAll(async () => {
  aws = await startAws({ roles: [administrator, gateway], clock: () => now, region });
  const owner = new DynamoDBClient(clientOptions(aws.endpoint));
  await owner.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );
  owner.destroy();
});
afterAll(() => aws.stop());

const listTables = (options: SignedFetch = {}) =>
  signedFetch(aws.endpoint, {
    signingDate: new Date(now),
    body: '{}',
    ...options,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      ...options.headers,
    },
  });

describe('signatures', () => {
  test('one that holds is accepted, and the answer carries a request id', async () => {
    const response = await listTables();

    expect(await response.json()).toEqual({ TableNames: [TableName] });
    expect(response.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each<[string, SignedFetch, string]>([
    ['a wrong secret', { secretAccessKey: 'another secret' }, 'InvalidSignatureException'],
    ['an unknown key', { accessKeyId: 'AKIANOBODY' }, 'UnrecognizedClientException'],
    ['another region', { region: 'mars-north-1' }, 'InvalidSignatureException'],
    ['a service that is not there', { service: 'route53' }, 'UnknownOperationException'],
    [
      'a changed body',
      {
        tamper: request => {
          request.body = '{"Limit":1}';
        },
      },
      'InvalidSignatureException',
    ],
    [
      'a changed operation',
      {
        tamper: request => {
          request.headers['x-amz-target'] = 'DynamoDB_20120810.DeleteTable';
        },
      },
      'InvalidSignatureException',
    ],
    [
      'a changed path',
      {
        tamper: request => {
          request.path = '/other';
        },
      },
      'InvalidSignatureException',
    ],
    [
      'an added query',
      {
        tamper: request => {
          request.path = '/?a=b';
        },
      },
      'InvalidSignatureException',
    ],
    [
      'an added amz header',
      {
        tamper: request => {
          request.headers['x-amz-more'] = 'x';
        },
      },
      'IncompleteSignatureException',
    ],
    [
      'a session token that the key does not have',
      { headers: { 'x-amz-security-token': 'x' } },
      'UnrecognizedClientException',
    ],
    [
      'half a signature',
      {
        tamper: ({ headers }) => {
          headers['authorization'] = headers['authorization']!.slice(0, -32);
        },
      },
      'InvalidSignatureException',
    ],
    [
      'no signature',
      {
        tamper: ({ headers }) => {
          delete headers['authorization'];
        },
      },
      'MissingAuthenticationTokenException',
    ],
    [
      'a bearer token',
      {
        tamper: ({ headers }) => {
          headers['authorization'] = 'Bearer x';
        },
      },
      'MissingAuthenticationTokenException',
    ],
    [
      'a signature of another kind',
      {
        tamper: ({ headers }) => {
          headers['authorization'] = headers['authorization']!.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1');
        },
      },
      'IncompleteSignatureException',
    ],
  ])('%s is refused', async (_what, options, name) => {
    expect(await outcome(await listTables(options))).toEqual({ name, status: 400 });
  });

  test.each([
    ['fifteen minutes early', -15 * 60_000, 'none', 200],
    ['fifteen minutes late', 15 * 60_000, 'none', 200],
    ['a second more than that late', -15 * 60_000 - 1000, 'InvalidSignatureException', 400],
    ['a second more than that early', 15 * 60_000 + 1000, 'InvalidSignatureException', 400],
  ])('a clock that is %s', async (_what, skewMs, name, status) => {
    const wholeSecond = Math.floor(now / 1000) * 1000;
    now = wholeSecond;

    expect(await outcome(await listTables({ signingDate: new Date(wholeSecond + skewMs) }))).toEqual({
      name,
      status,
    });
  });

  test('an SDK with a clock that is wrong corrects itself by the date of the answer', async () => {
    const before = now;
    now = Date.now() + 3 * 3_600_000;
    const client = new DynamoDBClient({ ...clientOptions(aws.endpoint), maxAttempts: 3 });
    try {
      const answer = await client.send(new GetItemCommand({ TableName, Key: { pk: { S: 'x' } } }));

      expect(answer.$metadata).toMatchObject({ httpStatusCode: 200, attempts: 2 });
    } finally {
      client.destroy();
      now = before;
    }
  });

  test('a presigned address works until it expires', async () => {
    const url = new URL(aws.endpoint);
    const signer = new SignatureV4({
      service: 'dynamodb',
      region,
      sha256: Sha256,
      credentials: administrator,
    });
    const headers = { host: url.host, 'x-amz-target': 'DynamoDB_20120810.ListTables' };
    const { query, headers: signedHeaders } = await signer.presign(
      {
        method: 'POST',
        protocol: 'http:',
        hostname: url.hostname,
        port: Number(url.port),
        path: '/',
        headers,
        query: {},
        body: '{}',
      },
      { expiresIn: 60, signingDate: new Date(now), unhoistableHeaders: new Set(['x-amz-target']) },
    );
    const address = `${aws.endpoint}/?${new URLSearchParams(query as Record<string, string>)}`;
    const call = async (body = '{}') =>
      outcome(await fetch(address, { method: 'POST', headers: signedHeaders, body }));

    const inTime = await call();
    const otherBody = await call('{"Limit":1}');
    now += 61_000;
    const late = await call();
    now -= 61_000;

    expect(inTime).toEqual({ name: 'none', status: 200 });
    expect(otherBody).toEqual({ name: 'InvalidSignatureException', status: 400 });
    expect(late).toEqual({ name: 'InvalidSignatureException', status: 400 });
  });
});

describe('permissions', () => {
  let client: DynamoDBClient;
  beforeAll(() => {
    client = new DynamoDBClient(clientOptions(aws.endpoint, gateway));
  });
  afterAll(() => client.destroy());
  const Item = { pk: { S: 'x' } };
  const denied = { name: 'AccessDeniedException', status: 400 };

  test('the role may do what its list says', async () => {
    await client.send(new PutItemCommand({ TableName, Item }));

    expect((await client.send(new GetItemCommand({ TableName, Key: Item }))).Item).toEqual(Item);
  });

  test('and nothing else, by no other way', async () => {
    const attempts = [
      new DeleteItemCommand({ TableName, Key: Item }),
      new TransactWriteItemsCommand({
        TransactItems: [{ Put: { TableName, Item } }, { Delete: { TableName, Key: { pk: { S: 'y' } } } }],
      }),
      new BatchWriteItemCommand({ RequestItems: { [TableName]: [{ DeleteRequest: { Key: Item } }] } }),
      new PutItemCommand({ TableName: 'another', Item }),
    ];

    for (const attempt of attempts)
      expect(await refusal(client.send(attempt as PutItemCommand))).toEqual(denied);
    expect((await client.send(new GetItemCommand({ TableName, Key: Item }))).Item).toEqual(Item);
  });

  test('a transaction needs the permissions of its parts and no more', async () => {
    const put = new TransactWriteItemsCommand({
      TransactItems: [{ Put: { TableName, Item: { pk: { S: 'z' } } } }],
    });

    expect(await refusal(client.send(put))).toEqual({ name: 'none', status: 200 });
  });
});

describe('operations', () => {
  test.each(['DescribeStream', 'ExecuteStatement', 'constructor', 'toString', ''])(
    '%j is not one of them',
    async name => {
      const response = await listTables({ headers: { 'x-amz-target': `DynamoDB_20120810.${name}` } });

      expect(await outcome(response)).toEqual({ name: 'UnknownOperationException', status: 400 });
    },
  );

  test.each(['', 'null', '[]', '{"a":', '"x"'])('the body %j is no request', async body => {
    const response = await listTables({ body, headers: { 'x-amz-target': 'DynamoDB_20120810.GetItem' } });

    expect(response.status).toBe(400);
    expect(['SerializationException', 'ValidationException']).toContain((await outcome(response)).name);
  });

  test('a member that the stand-in does not know is refused, not ignored', async () => {
    const body = JSON.stringify({ TableName, StreamSpecification: { StreamEnabled: true } });
    const response = await listTables({ body, headers: { 'x-amz-target': 'DynamoDB_20120810.CreateTable' } });

    expect(await outcome(response)).toEqual({ name: 'ValidationException', status: 400 });
  });

  test('a body past the limit is refused without being read', async () => {
    const response = await listTables({ body: `{"a":"${'x'.repeat(17 * 1024 * 1024)}"}` });

    expect(response.status).toBe(413);
  });

  test('nesting without end breaks nothing', async () => {
    const deep = `${'{"M":{"a":'.repeat(20_000)}{"S":"x"}${'}}'.repeat(20_000)}`;
    const body = `{"TableName":"${TableName}","Item":{"pk":{"S":"deep"},"a":${deep}}}`;

    const response = await listTables({ body, headers: { 'x-amz-target': 'DynamoDB_20120810.PutItem' } });

    expect(response.status).toBeGreaterThanOrEqual(400);
    expect((await listTables()).status).toBe(200);
  });
});
