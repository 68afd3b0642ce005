import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { ControlPlane, type ControlPlaneOptions } from '#lib/aws/control-plane.ts';
import { makeTicket } from '#lib/identity/ticket.ts';
import { dev, snapshot, start } from '../functions/fixtures.ts';

const published = snapshot();
const lookupAnswer = {
  version: published.version,
  issuedAt: start,
  maxAgeMs: 60_000,
  snapshot: published,
  grants: [],
  locks: [],
};
const unavailable = { name: 'SallyportError', code: 'controlPlaneUnavailable' };
const request = { principal: dev, target: 'shop' };

type Reply = (url: URL, init: RequestInit) => Response | Promise<Response>;

/** A control plane that answers with one reply after the other, the last one for ever. */
function given(replies: Reply[], options: Partial<ControlPlaneOptions> = {}) {
  const calls: { url: string; init: RequestInit }[] = [];
  const control = new ControlPlane({
    url: 'https://api.example/stage',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    fetch: (async (url: URL, init: RequestInit) => {
      calls.push({ url: url.href, init });
      const reply = replies[Math.min(calls.length, replies.length) - 1];
      return reply?.(url, init);
    }) as typeof fetch,
    ...options,
  });
  return { control, calls };
}

const ok = (body: unknown) => () => Response.json(body);
const status =
  (code: number, body: unknown = {}) =>
  () =>
    Response.json(body, { status: code });
const unreachable: Reply = () => {
  throw new TypeError('fetch failed');
};
const silent: Reply = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });

describe('a look-up', () => {
  test('brings the snapshot, and is signed for the API', async () => {
    const { control, calls } = given([ok(lookupAnswer)]);

    await expect(control.lookup(request)).resolves.toEqual(lookupAnswer);

    expect(calls[0]?.url).toBe('https://api.example/stage/v1/lookup');
    expect(new Headers(calls[0]?.init.headers).get('authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/execute-api\/aws4_request, SignedHeaders=content-type;host;/,
    );
  });

  test('brings no snapshot that is known already', async () => {
    const { snapshot: _, ...without } = lookupAnswer;
    const { control } = given([ok(without)]);

    const answer = await control.lookup({ ...request, known: published.version });

    expect(answer.snapshot).toBeUndefined();
    await expect(control.lookup(request)).rejects.toMatchObject(unavailable);
  });

  test.each([
    ['network', unreachable],
    ['status 500', status(500)],
    ['status 503', status(503)],
    ['status 429', status(429)],
  ])('is tried once more after a failure of the %s', async (_, failure) => {
    const { control, calls } = given([failure, ok(lookupAnswer)]);

    await expect(control.lookup(request)).resolves.toMatchObject({ version: published.version });

    expect(calls).toHaveLength(2);
  });

  test('is not tried a third time', async () => {
    const { control, calls } = given([unreachable]);

    await expect(control.lookup(request)).rejects.toMatchObject(unavailable);

    expect(calls).toHaveLength(2);
  });

  test.each([400, 401, 403, 404])('is not tried again after status %p', async code => {
    const { control, calls } = given([status(code)]);

    await expect(control.lookup(request)).rejects.toMatchObject(unavailable);

    expect(calls).toHaveLength(1);
  });

  test('ends by its deadline, whatever the other side does', async () => {
    const { control } = given([silent], { deadlineMs: 50 });
    const started = performance.now();

    await expect(control.lookup(request)).rejects.toMatchObject(unavailable);

    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test.each([
    ['no JSON', () => new Response('<html>')],
    ['of another shape', ok({ ...lookupAnswer, locks: 'none' })],
    [
      'with a snapshot that is not what it says',
      ok({ ...lookupAnswer, snapshot: { ...published, policies: [] } }),
    ],
    ['with a snapshot of another version', ok({ ...lookupAnswer, snapshot: snapshot('another') })],
    ['with a damaged lock', ok({ ...lookupAnswer, locks: [{ locks: { kind: 'everything' } }] })],
  ])('is not relied on when it is %s', async (_, reply) => {
    const { control } = given([reply]);

    await expect(control.lookup(request)).rejects.toMatchObject(unavailable);
  });

  test('without end is not read to the end', async () => {
    let sent = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 1_048_576;
            controller.enqueue(new Uint8Array(1_048_576));
          },
        }),
      );

    await expect(given([endless]).control.lookup(request)).rejects.toMatchObject(unavailable);

    // Two attempts at most.
    expect(sent).toBeLessThan(20 * 1_048_576);
  });
});

describe('a ticket', () => {
  const ticket = makeTicket();

  test('is exchanged for its principal', async () => {
    const { control, calls } = given([ok({ principal: dev })]);

    await expect(control.redeemTicket(ticket, 'shop')).resolves.toEqual(dev);

    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ ticket, target: 'shop' });
  });

  test.each([
    ['unknown, used or expired', status(401, { title: 'x', status: 401, code: 'unauthenticated' })],
    ['for another target', status(409, { title: 'x', status: 409, code: 'wrongTarget' })],
  ])('that is %s is no credential', async (_, reply) => {
    await expect(given([reply]).control.redeemTicket(ticket, 'shop')).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test.each([
    ['the gateway itself is refused', status(401, { message: 'Unauthorized' })],
    ['the gateway may not ask', status(403, { message: 'Forbidden' })],
    ['the function fails', status(500)],
    ['nobody is there', unreachable],
    ['the principal is malformed', ok({ principal: { ...dev, kind: 'root' } })],
  ])('is not blamed when %s, and is not sent again', async (_, reply) => {
    const { control, calls } = given([reply]);

    const error: unknown = await control.redeemTicket(ticket, 'shop').catch((reason: unknown) => reason);

    expect(error).toMatchObject(unavailable);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(ticket);
    expect(calls).toHaveLength(1);
  });
});

test.each(['http://api.example', 'ftp://127.0.0.1', 'api.example', 'http://127.0.0.1.example'])(
  'tickets are never sent to %s',
  url => {
    expect(() => given([], { url })).toThrow(TypeError);
  },
);
