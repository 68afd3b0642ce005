import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { APIGatewayProxyEventV2WithRequestContext } from 'aws-lambda';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { type Aws, startAws } from '#local/aws/server.ts';
import { administrator, region } from './endpoint.ts';
import { type SignedFetch, signedFetch } from './signed-fetch.ts';

const functions = join(import.meta.dirname, 'functions');
const gateway = {
  name: 'gateway',
  accessKeyId: 'AKIAGATEWAY',
  secretAccessKey: 'secret of the gateway',
  allow: ['execute-api:Invoke POST/signed*'],
};
let aws: Aws;
let issuerServer: Server;
let issuer: string;
let key: CryptoKey;
let ellipticKey: CryptoKey;

beforeAll(async () => {
  const rsa = await generateKeyPair('RS256');
  const elliptic = await generateKeyPair('ES256');
  [key, ellipticKey] = [rsa.privateKey, elliptic.privateKey];
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' },
    { ...(await exportJWK(elliptic.publicKey)), kid: 'elliptic' },
  ];
  issuerServer = createServer((request, response) => {
    const discovery = { issuer, jwks_uri: `${issuer}/keys` };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : discovery));
  }).listen(0, '127.0.0.1');
  await once(issuerServer, 'listening');
  issuer = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}`;
  aws = await startAws({
    region,
    roles: [administrator, gateway],
    functions: [
      { name: 'echo', source: join(functions, 'echo.ts'), role: 'administrator' },
      { name: 'misbehave', source: join(functions, 'misbehave.ts'), role: 'administrator' },
    ],
    routes: [
      { method: 'POST', path: '/echo', function: 'echo', auth: 'none' },
      { method: 'GET', path: '/things/{id}/parts/{part}', function: 'echo', auth: 'none' },
      { method: 'GET', path: '/things/mine/parts/{part}', function: 'echo', auth: 'none' },
      { method: 'GET', path: '/misbehave', function: 'misbehave', auth: 'none' },
      { method: 'POST', path: '/token', function: 'echo', auth: 'jwt' },
      { method: 'POST', path: '/signed', function: 'echo', auth: 'iam' },
      { method: 'POST', path: '/signed-too/{id}', function: 'echo', auth: 'iam' },
      { method: 'POST', path: '/admin', function: 'echo', auth: 'iam' },
    ],
    jwt: { issuer, audience: ['sallyport', 'other'] },
    integrationTimeoutMs: 4000,
  });
}, 60_000);
afterAll(async () => {
  await aws.stop();
  issuerServer.close();
});

/** Payload format 2.0, and nothing beside it. */
const eventSchema = z.strictObject({
  version: z.literal('2.0'),
  routeKey: z.string().regex(/^(GET|POST|PUT|PATCH|DELETE) \//),
  rawPath: z.string().startsWith('/'),
  rawQueryString: z.string(),
  cookies: z.array(z.string()).min(1).optional(),
  headers: z.record(z.string().regex(/^[^A-Z]+$/), z.string()),
  queryStringParameters: z.record(z.string(), z.string()).optional(),
  pathParameters: z.record(z.string(), z.string()).optional(),
  requestContext: z.strictObject({
    accountId: z.string().regex(/^\d{12}$/),
    apiId: z.string(),
    authorizer: z
      .union([
        z.strictObject({
          jwt: z.strictObject({ claims: z.record(z.string(), z.string()), scopes: z.null() }),
        }),
        z.strictObject({
          iam: z.strictObject({
            accessKey: z.string(),
            accountId: z.string(),
            callerId: z.string(),
            cognitoIdentity: z.null(),
            principalOrgId: z.null(),
            userArn: z.string().startsWith('arn:aws:sts::'),
            userId: z.string(),
          }),
        }),
      ])
      .optional(),
    domainName: z.string().min(1),
    domainPrefix: z.string().min(1),
    http: z.strictObject({
      method: z.string(),
      path: z.string(),
      protocol: z.literal('HTTP/1.1'),
      sourceIp: z.ipv4(),
      userAgent: z.string(),
    }),
    requestId: z.string().min(1),
    routeKey: z.string(),
    stage: z.literal('$default'),
    time: z.string().regex(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
    timeEpoch: z.int(),
  }),
  body: z.string().min(1).optional(),
  isBase64Encoded: z.boolean(),
});
type Event = APIGatewayProxyEventV2WithRequestContext<{ authorizer?: unknown; http: { path: string } }>;

async function eventOf(response: Response): Promise<Event> {
  expect(response.status).toBe(200);
  const { event } = (await response.json()) as { event: unknown };
  return eventSchema.parse(event) as Event;
}
const call = (path: string, init?: RequestInit) => fetch(`${aws.apiUrl}${path}`, init);
const post = (path: string, init?: RequestInit) => call(path, { method: 'POST', ...init });
const reply = async (response: Response) => ({ status: response.status, body: await response.json() });

/** What a client writes byte by byte, answered until the end. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(aws.apiUrl);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe('the event', () => {
  test('leaves out what is empty', async () => {
    const event = await eventOf(await post('/echo'));

    expect(Object.keys(event).sort()).toEqual([
      'headers',
      'isBase64Encoded',
      'rawPath',
      'rawQueryString',
      'requestContext',
      'routeKey',
      'version',
    ]);
    expect(event).toMatchObject({
      routeKey: 'POST /echo',
      rawPath: '/echo',
      rawQueryString: '',
      isBase64Encoded: false,
    });
  });

  test('joins repeated headers and keeps cookies apart', async () => {
    const text =
      'POST /echo HTTP/1.1\r\nHost: api.example:80\r\nX-One: a\r\nx-one: b\r\nCookie: c=1; d=2\r\nCookie: e=3\r\nConnection: close\r\n\r\n';
    const answer = await raw(text);
    const event = eventSchema.parse(
      (JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { event: unknown }).event,
    );

    expect(event.headers).toMatchObject({
      'x-one': 'a,b',
      host: 'api.example:80',
      'x-forwarded-for': '127.0.0.1',
    });
    expect(event.headers).not.toHaveProperty('cookie');
    expect(event.cookies).toEqual(['c=1', 'd=2', 'e=3']);
    expect(event.requestContext).toMatchObject({ domainName: 'api.example', domainPrefix: 'api' });
  });

  test('gives the query as it was sent, and decoded', async () => {
    const event = await eventOf(await post('/echo?a=1&b=x%20y+z&a=2&empty='));

    expect(event.rawQueryString).toBe('a=1&b=x%20y+z&a=2&empty=');
    expect(event.queryStringParameters).toEqual({ a: '1,2', b: 'x y z', empty: '' });
  });

  test('names the parameters of the path, and the fixed path goes before them', async () => {
    const one = await eventOf(await call('/things/%C3%A4/parts/7'));
    const fixed = await eventOf(await call('/things/mine/parts/7'));

    expect(one).toMatchObject({
      routeKey: 'GET /things/{id}/parts/{part}',
      rawPath: '/things/ä/parts/7',
      pathParameters: { id: 'ä', part: '7' },
    });
    expect(fixed).toMatchObject({ routeKey: 'GET /things/mine/parts/{part}', pathParameters: { part: '7' } });
  });

  test('decodes the path and cuts it at an encoded question mark, as AWS does', async () => {
    const event = await eventOf(await call('/things/a/parts/b%3Fc'));

    expect([event.rawPath, event.requestContext.http.path]).toEqual([
      '/things/a/parts/b',
      '/things/a/parts/b',
    ]);
  });

  test.each([
    ['application/json', false],
    ['application/json; charset=utf-8', false],
    ['TEXT/plain', false],
    ['application/xml', false],
    ['application/javascript', false],
    ['application/x-www-form-urlencoded', true],
    ['application/problem+json', true],
    ['multipart/form-data; boundary=x', true],
    ['application/octet-stream', true],
    [undefined, true],
  ])('a body of type %s: base64 %s', async (type, isBase64Encoded) => {
    const body = new TextEncoder().encode('{"a":"ä"}');
    const event = await eventOf(
      await post('/echo', { body, ...(type === undefined ? {} : { headers: { 'content-type': type } }) }),
    );

    expect(event.isBase64Encoded).toBe(isBase64Encoded);
    expect(Buffer.from(event.body!, isBase64Encoded ? 'base64' : 'utf8')).toEqual(Buffer.from(body));
  });
});

describe('the reply', () => {
  const misbehave = (act: string) => call(`/misbehave?act=${encodeURIComponent(act)}`);

  test('carries status, headers, cookies and bytes', async () => {
    const response = await misbehave('bytes');

    expect(response.status).toBe(201);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'x-number': '7',
    });
    expect(response.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2']);
    expect(response.headers.get('apigw-requestid')).toBeTruthy();
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([0, 255, 10]));
  });

  test.each([
    ['object', '{"hello":"world"}'],
    ['text', 'plain text'],
    ['nothing', 'null'],
  ])('without a status (%s) is a 200 with what was returned', async (act, body) => {
    const response = await misbehave(act);

    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/json',
      body,
    ]);
  });

  test.each(['throw', 'exit', 'no such status', 'body is an object', 'bad header'])('%s: 500', async act => {
    const response = await misbehave(act);

    expect(await reply(response)).toEqual({ status: 500, body: { message: 'Internal Server Error' } });
    expect(response.headers.has('set-cookie')).toBe(false);
  });

  test('a function that takes too long: 503', async () => {
    expect(await reply(await misbehave('hang'))).toEqual({
      status: 503,
      body: { message: 'Service Unavailable' },
    });
  });
});

describe('what is no route', () => {
  test.each([
    ['GET', '/echo'],
    ['POST', '/echo/'],
    ['POST', '/'],
    ['POST', '/ECHO'],
    ['GET', '/things//parts/7'],
    ['GET', '/things/a/b/parts/7'],
  ])('%s %s: 404', async (method, path) => {
    expect(await reply(await call(path, { method }))).toEqual({
      status: 404,
      body: { message: 'Not Found' },
    });
  });

  test('a path that is no UTF-8: 400', async () => {
    expect((await call('/things/%FF/parts/7')).status).toBe(400);
  });

  test('more than 10 MB: 413', async () => {
    expect((await post('/echo', { body: 'x'.repeat(10 * 1024 * 1024 + 1) })).status).toBe(413);
  });
});

describe('a token', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const claims = () => ({
    iss: issuer,
    sub: 'u1',
    aud: 'sallyport',
    exp: now() + 60,
    iat: now(),
    nbf: now(),
    groups: ['dba', 'on call'],
    email_verified: true,
    act: { sub: 'agent' },
    nothing: null,
  });
  const sign = (payload: object, header: object = {}, signingKey: CryptoKey | Uint8Array = key) =>
    new SignJWT({ ...payload }).setProtectedHeader({ alg: 'RS256', kid: 'rsa', ...header }).sign(signingKey);
  const present = (authorization: string) => post('/token', { headers: { authorization } });

  test('that holds lets in, and its claims come as text', async () => {
    const payload = claims();
    const event = await eventOf(await present(`Bearer ${await sign(payload)}`));

    expect(event.requestContext.authorizer).toEqual({
      jwt: {
        claims: {
          iss: issuer,
          sub: 'u1',
          aud: 'sallyport',
          exp: String(payload.exp),
          iat: String(payload.iat),
          nbf: String(payload.nbf),
          groups: '[dba on call]',
          email_verified: 'true',
          act: '{"sub":"agent"}',
        },
        scopes: null,
      },
    });
  });

  test.each<[string, () => Promise<string>]>([
    ['without aud, by client_id', () => sign({ ...claims(), aud: undefined, client_id: 'other' })],
    ['for several audiences', () => sign({ ...claims(), aud: ['nobody', 'other'] })],
  ])('%s lets in', async (_what, make) => {
    expect((await present(`Bearer ${await make()}`)).status).toBe(200);
  });

  test.each<[string, () => Promise<string> | string]>([
    ['none', () => ''],
    ['no token', () => 'Bearer garbage'],
    ['an expired one', async () => `Bearer ${await sign({ ...claims(), exp: now() - 1 })}`],
    ['one without end', async () => `Bearer ${await sign({ ...claims(), exp: undefined })}`],
    ['one for later', async () => `Bearer ${await sign({ ...claims(), nbf: now() + 60 })}`],
    [
      'one of another issuer',
      async () => `Bearer ${await sign({ ...claims(), iss: 'https://elsewhere.example' })}`,
    ],
    ['one for another audience', async () => `Bearer ${await sign({ ...claims(), aud: 'nobody' })}`],
    [
      'one whose client_id fits but not its aud',
      async () => `Bearer ${await sign({ ...claims(), aud: 'nobody', client_id: 'other' })}`,
    ],
    [
      'one that another key signed',
      async () => `Bearer ${await sign(claims(), {}, (await generateKeyPair('RS256')).privateKey)}`,
    ],
    ['one whose key nobody knows', async () => `Bearer ${await sign(claims(), { kid: 'unknown' })}`],
    [
      'one with an elliptic signature, which AWS does not take',
      async () => `Bearer ${await sign(claims(), { alg: 'ES256', kid: 'elliptic' }, ellipticKey)}`,
    ],
    [
      'one signed with a shared secret',
      async () => `Bearer ${await sign(claims(), { alg: 'HS256' }, new Uint8Array(32))}`,
    ],
    [
      'one changed afterwards',
      async () => {
        const [header, , signature] = (await sign(claims())).split('.');
        const payload = Buffer.from(JSON.stringify({ ...claims(), sub: 'root' })).toString('base64url');
        return `Bearer ${header}.${payload}.${signature}`;
      },
    ],
    [
      'one without signature',
      async () => {
        const [, payload] = (await sign(claims())).split('.');
        return `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
      },
    ],
  ])('%s: 401', async (_what, authorization) => {
    const response = await present(await authorization());

    expect(await reply(response)).toEqual({ status: 401, body: { message: 'Unauthorized' } });
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
  });
});

describe('a signed request', () => {
  const signed = (path: string, more: SignedFetch = {}) =>
    signedFetch(`${aws.apiUrl}${path}`, {
      service: 'execute-api',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
      ...gateway,
      ...more,
    });
  const forbidden = { status: 403, body: { message: 'Forbidden' } };

  test('that holds lets in, and the function learns by whom', async () => {
    const event = await eventOf(await signed('/signed?x=1'));

    expect(event.requestContext.authorizer).toEqual({
      iam: {
        accessKey: 'AKIAGATEWAY',
        accountId: '000000000000',
        callerId: 'AROAGATEWAY:gateway',
        cognitoIdentity: null,
        principalOrgId: null,
        userArn: 'arn:aws:sts::000000000000:assumed-role/gateway/gateway',
        userId: 'AROAGATEWAY:gateway',
      },
    });
    expect(event.body).toBe('{"a":1}');
  });

  test('a path with escapes holds too', async () => {
    const event = await eventOf(await signed('/signed-too/a%20b'));

    expect(event.pathParameters).toEqual({ id: 'a b' });
  });

  test.each<[string, string, SignedFetch]>([
    ['for a route that the role may not call', '/admin', {}],
    ['with a wrong secret', '/signed', { secretAccessKey: 'wrong' }],
    ['with an unknown key', '/signed', { accessKeyId: 'AKIANOBODY' }],
    ['for another service', '/signed', { service: 'lambda' }],
    ['of another region', '/signed', { region: 'mars-north-1' }],
    ['from an hour ago', '/signed', { signingDate: new Date(Date.now() - 3_600_000) }],
    [
      'whose body was changed',
      '/signed',
      {
        tamper: request => {
          request.body = '{"a":2}';
        },
      },
    ],
    [
      'whose query was changed',
      '/signed',
      {
        tamper: request => {
          request.path = '/signed?x=2';
        },
      },
    ],
    [
      'without signature',
      '/signed',
      {
        tamper: ({ headers }) => {
          delete headers['authorization'];
        },
      },
    ],
    [
      'with a token instead',
      '/signed',
      {
        tamper: ({ headers }) => {
          headers['authorization'] = 'Bearer x';
        },
      },
    ],
  ])('%s: 403', async (_what, path, more) => {
    expect(await reply(await signed(path, more))).toEqual(forbidden);
  });
});
