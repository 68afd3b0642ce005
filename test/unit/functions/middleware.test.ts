import { describe, expect, test } from '@jest/globals';
import middy from '@middy/core';
import fc from 'fast-check';
import { z } from 'zod';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { iamCaller } from '#functions/middleware/iam-caller.ts';
import { jsonBody, maxBodyBytes } from '#functions/middleware/json-body.ts';
import { jwtPrincipal } from '#functions/middleware/jwt-principal.ts';
import { problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import { SallyportError } from '#lib/errors.ts';
import { call, claims, event, gateway, signedIn } from './fixtures.ts';

const route = 'POST /v1/x';

describe('a body', () => {
  const echo: HttpHandler = middy<HttpEvent, HttpAnswer>()
    .use(problems())
    .use(jsonBody(z.strictObject({ text: z.string() })))
    .handler(async ({ json: body }) => json(200, body));

  test('is read as text or from base64', async () => {
    const body = JSON.stringify({ text: 'größer' });
    const encoded = Buffer.from(body).toString('base64');

    expect((await call(echo, event(route, { body }))).body).toEqual({ text: 'größer' });
    expect((await call(echo, event(route, { body: encoded, isBase64Encoded: true }))).body).toEqual({
      text: 'größer',
    });
  });

  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['no JSON', '{'],
    ['of another shape', '{"text":1}'],
    ['with a member that nobody asked for', '{"text":"a","x":1}'],
  ])('that is %s is refused', async (_, body) => {
    expect(await call(echo, event(route, { body }))).toMatchObject({
      status: 400,
      body: { code: 'invalidRequest' },
    });
  });

  test('that is no UTF-8 is refused', async () => {
    const body = Buffer.from([0x22, 0xff, 0x22]).toString('base64');

    expect(await call(echo, event(route, { body, isBase64Encoded: true }))).toMatchObject({
      status: 400,
      body: { code: 'invalidRequest' },
    });
  });

  test.each([false, true])(
    'is refused from its first byte too many on (base64: %p)',
    async isBase64Encoded => {
      const ofLength = (bytes: number) => {
        const text = JSON.stringify({ text: 'x'.repeat(bytes - 11) });
        return event(route, {
          body: isBase64Encoded ? Buffer.from(text).toString('base64') : text,
          isBase64Encoded,
        });
      };

      expect((await call(echo, ofLength(maxBodyBytes))).status).toBe(200);
      expect((await call(echo, ofLength(maxBodyBytes + 1))).status).toBe(413);
    },
  );

  test('whatever it is, the answer is JSON with a status', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.boolean(), async (body, isBase64Encoded) => {
        const { status } = await call(echo, event(route, { body, isBase64Encoded }));
        expect([200, 400]).toContain(status);
      }),
    );
  });
});

describe('an error', () => {
  const failing = (error: unknown, lines: unknown[] = []) =>
    middy<HttpEvent, HttpAnswer>()
      .use(problems(line => lines.push(line)))
      .handler(() => {
        throw error;
      });

  test('of ours keeps its code and its words', async () => {
    const error = new SallyportError('controlPlaneUnavailable', 'The table does not answer.');

    const { answer, body } = await call(failing(error), event(route));

    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
    expect(body).toEqual({
      title: 'The table does not answer.',
      status: 503,
      code: 'controlPlaneUnavailable',
    });
  });

  test.each([new Error('secret'), new SallyportError('killed', 'secret'), 'secret'])(
    'that nobody foresaw tells the caller nothing and the log everything',
    async error => {
      const lines: unknown[] = [];

      const { status, answer } = await call(failing(error, lines), event(route));

      expect(status).toBe(500);
      expect(answer.body).not.toContain('secret');
      expect(answer.body).not.toContain('at ');
      expect(lines).toHaveLength(1);
      expect(JSON.stringify(lines)).toContain('secret');
      expect(JSON.stringify(lines)).toContain('request-1');
    },
  );

  test('that the caller made is not logged', async () => {
    const lines: unknown[] = [];

    await call(failing(new SallyportError('unauthenticated', 'No.'), lines), event(route));

    expect(lines).toEqual([]);
  });
});

describe('somebody with a token', () => {
  const whoami: HttpHandler = middy<HttpEvent, HttpAnswer>()
    .use(problems())
    .use(jwtPrincipal())
    .handler(async ({ principal }) => json(200, principal));

  test('is read exactly, although the authoriser flattens the claims to text', async () => {
    const groups = ['operators', 'on call', '[x'];
    const sent = signedIn(claims({ groups, act: { sub: 'bot' }, email_verified: true }));

    expect((await call(whoami, event(route, sent))).body).toMatchObject({
      subject: 'bot',
      kind: 'agent',
      onBehalfOf: { subject: 'u-op', name: 'op@example.com' },
      groups: ['[x', 'on call', 'operators'],
    });
  });

  test.each([
    ['no authoriser', { authorization: signedIn(claims()).authorization }],
    ['an authoriser of another kind', { ...signedIn(claims()), authorizer: gateway }],
    ['no token', { authorizer: signedIn(claims()).authorizer }],
    ['the token of another', { ...signedIn(claims()), ...pick(claims({ sub: 'root' })) }],
    ['a token of another time', { ...signedIn(claims()), ...pick(claims({ exp: 9_999_999_999 })) }],
    [
      'a token of another issuer',
      { ...signedIn(claims()), ...pick(claims({ iss: 'https://other.example' })) },
    ],
    ['two tokens', { ...signedIn(claims()), authorization: 'Bearer a.b.c,Bearer a.b.c' }],
    ['a token that is none', { ...signedIn(claims()), authorization: 'Bearer ..' }],
    ['groups that are no list', signedIn(claims({ groups: { operators: 1 } }))],
    ['an identity token', signedIn(claims({ at_hash: 'x' }))],
  ])('is refused who has %s', async (_, parts) => {
    expect(await call(whoami, event(route, parts as object))).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
  });

  function pick(of: Record<string, unknown>) {
    return { authorization: signedIn(of).authorization };
  }
});

describe('a route for gateways', () => {
  const only: HttpHandler = middy<HttpEvent, HttpAnswer>()
    .use(problems())
    .use(iamCaller())
    .handler(async () => json(200, {}));

  test('lets signed requests in, and nothing else', async () => {
    expect((await call(only, event(route, { authorizer: gateway }))).status).toBe(200);
    for (const authorizer of [
      undefined,
      null,
      {},
      { iam: null },
      { iam: {} },
      signedIn(claims()).authorizer,
    ]) {
      expect((await call(only, event(route, { authorizer }))).status).toBe(401);
    }
  });
});

test.each(['GET /v1/x', 'toString', '__proto__', ''])('the route %p does not exist', async routeKey => {
  const handler = router({ [route]: async () => json(200, {}) });

  expect((await call(handler, event(route))).status).toBe(200);
  expect(await call(handler, event(routeKey))).toMatchObject({ status: 404, body: { code: 'notFound' } });
});
