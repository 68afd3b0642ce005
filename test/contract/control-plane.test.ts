import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { call } from '#cli/call.ts';
import { listLiveSessions } from '#cli/live.ts';
import { AccessStore } from '#lib/aws/access-store.ts';
import { killAnswerSchema, ticketAnswerSchema } from '#lib/aws/control-api.ts';
import { ControlPlane } from '#lib/aws/control-plane.ts';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { LiveSessions } from '#lib/aws/live-sessions.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';
import { type Aws, startAws } from '#local/aws/server.ts';
import { routes } from '../../infra/routes.ts';
import { type TableKey, tableName, tables } from '../../infra/tables.ts';
import { dev, snapshot } from '../unit/functions/fixtures.ts';

/** The functions as they are deployed, behind the HTTP API, asked by the gateway's client and the command line. */
const administrator = { name: 'admin', accessKeyId: 'AKIAADMIN', secretAccessKey: 'admin', allow: ['*'] };
const gateway = {
  name: 'gateway',
  accessKeyId: 'AKIAGATEWAY',
  secretAccessKey: 'gateway',
  allow: ['execute-api:Invoke POST/v1/lookup', 'execute-api:Invoke POST/v1/tickets/redeem'],
};
const issuer = 'https://id.example';
/** Those that need no identity provider but its keys. */
const functions = ['policy-lookup', 'tickets', 'sessions'];
const published = snapshot();

let keys: Server;
let aws: Aws;
let client: DynamoDBClient;
let sign: (claims: Record<string, unknown>) => Promise<string>;
const table = (key: TableKey) => new DynamoTable(client, tableName('test', key));

beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  sign = claims =>
    new SignJWT({ iss: issuer, aud: 'sallyport', sub: 'u-op', email: 'op@example.com', ...claims })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'one' })
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(pair.privateKey);
  keys = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>(resolve => keys.listen(0, '127.0.0.1', resolve));
  const { port } = keys.address() as AddressInfo;
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const env = Object.fromEntries(
    (Object.keys(tables) as TableKey[]).map(key => [tables[key].environment, tableName('test', key)]),
  );
  aws = await startAws({
    roles: [administrator, gateway],
    functions: functions.map(name => ({
      name,
      source: `${root}functions/${name}/handler.ts`,
      role: 'admin',
      env,
    })),
    routes: routes.filter(route => functions.includes(route.function)),
    jwt: { issuer, audience: ['sallyport'], jwksUri: `http://127.0.0.1:${port}` },
  });
  client = new DynamoDBClient({ endpoint: aws.endpoint, region: aws.region, credentials: administrator });
  for (const key of Object.keys(tables) as TableKey[]) {
    await client.send(
      new CreateTableCommand({
        TableName: tableName('test', key),
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  }
  await new PolicyStore({ table: table('policy') }).publish(published, { publishedBy: 'test' });
}, 60_000);

afterAll(async () => {
  client?.destroy();
  await aws?.stop();
  keys?.closeAllConnections();
  keys?.close();
});

const asGateway = () =>
  new ControlPlane({ url: aws.apiUrl, region: aws.region, credentials: gateway, deadlineMs: 20_000 });
const asOperator = async (claims: Record<string, unknown> = { groups: ['operators'] }) => ({
  url: new URL(aws.apiUrl),
  token: await sign(claims),
});
const makeTicket = async (claims?: Record<string, unknown>) =>
  call(
    await asOperator(claims),
    { fetch },
    {
      method: 'POST',
      path: '/v1/tickets',
      body: { target: 'shop' },
      answer: ticketAnswerSchema,
    },
  );

test('a gateway looks up the policy in force, and the locks and grants that concern somebody', async () => {
  const by = { issuer, subject: 'u-op', name: 'op@example.com' };
  const lock = {
    locks: { kind: 'principal' as const, issuer: dev.issuer, subject: dev.subject },
    reason: 'left',
    by,
    createdAt: 1,
  };
  const access = new AccessStore({ table: table('access') });
  await access.putLock(lock);
  try {
    const first = await asGateway().lookup({ principal: dev, target: 'shop' });
    expect(first.snapshot).toEqual(published);
    expect(first.locks).toEqual([lock]);

    const known = await asGateway().lookup({ principal: null, target: null, known: published.version });
    expect(known.snapshot).toBeUndefined();
    expect(known.locks).toEqual([lock]);
  } finally {
    await access.deleteLock(lock.locks);
  }
}, 30_000);

describe('a ticket', () => {
  test('made by a person is redeemed by a gateway once', async () => {
    const { ticket } = await makeTicket({ groups: ['operators', 'on call'] });

    await expect(asGateway().redeemTicket(ticket, 'hr')).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(asGateway().redeemTicket(ticket, 'shop')).resolves.toMatchObject({
      subject: 'u-op',
      name: 'op@example.com',
      groups: ['on call', 'operators'],
    });
    await expect(asGateway().redeemTicket(ticket, 'shop')).rejects.toMatchObject({ code: 'unauthenticated' });
  }, 30_000);

  test('of an agent says for whom it acts', async () => {
    const { ticket } = await makeTicket({ groups: ['operators'], act: { sub: 'bot' } });

    await expect(asGateway().redeemTicket(ticket, 'shop')).resolves.toMatchObject({
      kind: 'agent',
      subject: 'bot',
      onBehalfOf: { subject: 'u-op' },
    });
  }, 30_000);

  test('is not made without the right, and not redeemed without a signature that may', async () => {
    await expect(makeTicket({ groups: ['operators too'] })).rejects.toThrow(
      'No policy permits tickets:create',
    );
    const stranger = new ControlPlane({
      url: aws.apiUrl,
      region: aws.region,
      credentials: { accessKeyId: 'AKIAGATEWAY', secretAccessKey: 'wrong' },
    });
    await expect(stranger.redeemTicket('sp_tkt_x', 'shop')).rejects.toMatchObject({
      code: 'controlPlaneUnavailable',
    });
  }, 30_000);
});

test('a session that opens is listed, and ends by an order in the mailbox of its task', async () => {
  const live = new LiveSessions({ table: table('sessions') });
  const session = {
    id: 's-1',
    taskId: 't-1',
    principal: dev,
    target: 'shop',
    protocol: 'postgres',
    sourceAddress: '192.0.2.1',
    startedAt: Date.now(),
    policyVersion: published.version,
  };
  await live.renewLease('t-1');
  await live.open(session);

  await expect(listLiveSessions(await asOperator())).resolves.toEqual({
    sessions: [session],
    truncated: false,
  });
  const order = { method: 'POST', path: '/v1/sessions/s-1/kill', body: { reason: 'on fire' } } as const;
  await expect(call(await asOperator(), { fetch }, { ...order, answer: killAnswerSchema })).resolves.toEqual({
    sessionId: 's-1',
    state: 'ordered',
    heardFrom: true,
  });
  await expect(
    call(await asOperator({ groups: [] }), { fetch }, { ...order, answer: killAnswerSchema }),
  ).rejects.toThrow('No policy permits sessions:kill');

  expect(await live.killOrders('t-1')).toMatchObject([
    { sessionId: 's-1', reason: 'on fire', by: { subject: 'u-op' } },
  ]);
}, 30_000);
