import { describe, expect, test } from '@jest/globals';
import { ControlPlane, type ControlPlaneOptions } from '#lib/aws/control-plane.ts';
import { dev, start } from '../functions/fixtures.ts';

const unavailable = { name: 'SallyportError', code: 'controlPlaneUnavailable' };
const id = 'i'.repeat(43);
const fingerprint = `SHA256:${'A'.repeat(43)}`;
const login = {
  id,
  userCode: 'BCDF-GHJK',
  verificationUri: 'https://id.example/device',
  verificationUriComplete: 'https://id.example/device?user_code=BCDF-GHJK',
  expiresAt: start + 600_000,
  intervalMs: 5_000,
};

type Reply = (init: RequestInit) => Response | Promise<Response>;

function given(reply: Reply, options: Partial<ControlPlaneOptions> = {}) {
  const calls: { path: string; body: unknown }[] = [];
  const control = new ControlPlane({
    url: 'https://api.example/stage',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    fetch: (async (url: URL, init: RequestInit) => {
      calls.push({ path: url.pathname, body: JSON.parse(String(init.body)) });
      return reply(init);
    }) as typeof fetch,
    ...options,
  });
  return { control, calls };
}

const answer =
  (status: number, body: unknown): Reply =>
  () =>
    Response.json(body, { status });
const problem = (status: number, code: string, title = 'No.') => answer(status, { title, status, code });

const calls: [string, (control: ControlPlane) => Promise<unknown>][] = [
  ['beginning', control => control.beginLogin('192.0.2.1')],
  ['polling', control => control.pollLogin(id)],
  ['binding', control => control.bindKey({ loginId: id, publicKey: 'AAAA' })],
  ['looking up', control => control.principalOfKey(fingerprint)],
];

describe('a sign-in', () => {
  test('is begun for a key unless the caller says otherwise', async () => {
    const { control, calls: sent } = given(answer(201, login));

    await expect(control.beginLogin('192.0.2.1')).resolves.toEqual(login);
    await control.beginLogin('192.0.2.1', 'session');

    expect(sent).toEqual([
      { path: '/stage/v1/logins', body: { from: '192.0.2.1', purpose: 'key' } },
      { path: '/stage/v1/logins', body: { from: '192.0.2.1', purpose: 'session' } },
    ]);
  });

  test.each([
    { state: 'pending', intervalMs: 10_000 },
    { state: 'denied' },
    { state: 'expired' },
    { state: 'done', principal: dev },
  ])('stands as %j', async state => {
    const { control, calls: sent } = given(answer(200, state));

    await expect(control.pollLogin(id)).resolves.toEqual(state);
    expect(sent).toEqual([{ path: `/stage/v1/logins/${id}`, body: {} }]);
  });

  test.each([
    [problem(404, 'notFound'), 'The sign-in is over.'],
    [problem(401, 'unauthenticated', 'Another audience.'), 'Another audience.'],
  ])('that is no good is no credential', async (reply, message) => {
    await expect(given(reply).control.pollLogin(id)).rejects.toMatchObject({
      code: 'unauthenticated',
      message,
    });
  });

  test.each([
    ['a code that would drive a terminal', { ...login, userCode: '\x1b]0;x\x07' }],
    ['a link of two lines', { ...login, verificationUri: 'https://id.example/\nFATAL' }],
    ['another id', { ...login, id: 'x' }],
  ])('with %s is not shown to anybody', async (_, body) => {
    await expect(given(answer(201, body)).control.beginLogin('192.0.2.1')).rejects.toMatchObject(unavailable);
  });
});

describe('a key', () => {
  test('is bound with its comment', async () => {
    const { control, calls: sent } = given(answer(201, { fingerprint, endsAt: start }));
    const key = { loginId: id, publicKey: 'AAAA', comment: 'laptop' };

    await expect(control.bindKey(key)).resolves.toEqual({ fingerprint, endsAt: start });
    expect(sent).toEqual([{ path: '/stage/v1/keys', body: key }]);
  });

  test.each([
    [403, 'forbidden'],
    [409, 'keyInUse'],
    [400, 'invalidRequest'],
    [404, 'notFound'],
  ])('that is refused with %p %s says why', async (status, code) => {
    const { control } = given(problem(status, code, 'This is why.'));

    await expect(control.bindKey({ loginId: id, publicKey: 'AAAA' })).rejects.toMatchObject({
      code: 'forbidden',
      message: 'This is why.',
    });
  });

  test('leads to its principal, and is used from somewhere', async () => {
    const { control, calls: sent } = given(answer(200, { principal: dev }));

    await expect(control.principalOfKey(fingerprint, '192.0.2.1')).resolves.toEqual(dev);
    await control.principalOfKey(fingerprint);

    expect(sent.map(({ body }) => body)).toEqual([{ fingerprint, from: '192.0.2.1' }, { fingerprint }]);
  });

  test('that is bound to nobody leads to nobody', async () => {
    await expect(
      given(problem(404, 'notFound')).control.principalOfKey(fingerprint),
    ).resolves.toBeUndefined();
  });
});

describe.each(calls)('%s', (_, ask) => {
  test.each([
    ['the route is not there', answer(404, { message: 'Not Found' })],
    ['a problem does not fit its status', answer(500, { title: 'x', status: 404, code: 'notFound' })],
    ['the gateway may not ask', answer(403, { message: 'Forbidden' })],
    ['the function fails', problem(500, 'internal')],
    ['the answer is nonsense', answer(200, { state: 'root', principal: { ...dev, kind: 'root' } })],
    ['nobody is there', () => Promise.reject(new TypeError('fetch failed'))],
    [
      'nobody answers in time',
      ({ signal }: RequestInit) =>
        new Promise<Response>((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        }),
    ],
  ] as [string, Reply][])('is tried once and fails when %s', async (_why, reply) => {
    const { control, calls: sent } = given(reply, { signInDeadlineMs: 50 });

    await expect(ask(control)).rejects.toMatchObject(unavailable);
    expect(sent).toHaveLength(1);
  });
});
