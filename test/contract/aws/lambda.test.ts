import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Aws, startAws } from '#local/aws/server.ts';
import { eventually } from '../../integration/support/eventually.ts';
import { administrator, region } from './endpoint.ts';
import { outcome, signedFetch } from './signed-fetch.ts';

const functions = join(import.meta.dirname, 'functions');
const nobody = {
  name: 'nobody',
  accessKeyId: 'AKIANOBODY',
  secretAccessKey: 'secret of nobody',
  allow: ['lambda:InvokeFunction echo'],
};
let folder: string;
let aws: Aws;
const printed: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-lambda-'));
  const prebuilt = join(folder, 'prebuilt.mjs');
  await writeFile(
    prebuilt,
    `console.log("cold");
    export async function handler(event) {
      console.log("saw", event.n);
      if (event.fail) throw new Error("as asked");
      return event.n;
    }`,
  );
  const noHandler = join(folder, 'no-handler.mjs');
  await writeFile(noHandler, 'export const other = 1;');
  const modules = {
    'ends-at-start': 'process.exit(4);',
    'ends-when-idle':
      'export const handler = async () => { setTimeout(() => process.exit(), 50); return "fine"; };',
    'slow-start': 'await new Promise(r => setTimeout(r, 1500)); export const handler = async () => "fine";',
  };
  for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, `${name}.mjs`), text);
  aws = await startAws({
    dataDir: join(folder, 'data'),
    region,
    roles: [administrator, nobody],
    asyncRetryMs: 20,
    onFunctionOutput: (name, text) => printed.push(`${name}: ${text}`),
    functions: [
      {
        name: 'echo',
        source: join(functions, 'echo.ts'),
        role: 'administrator',
        env: { SALLYPORT_TABLE_POLICY: 'here-policy' },
        timeoutMs: 5000,
      },
      {
        name: 'misbehave',
        source: join(functions, 'misbehave.ts'),
        role: 'nobody',
        timeoutMs: 700,
        memoryMb: 64,
        concurrency: 2,
      },
      { name: 'prebuilt', file: prebuilt, role: 'nobody' },
      { name: 'no-handler', file: noHandler, role: 'nobody' },
      ...Object.keys(modules).map(name => ({
        name,
        file: join(folder, `${name}.mjs`),
        role: 'nobody',
        timeoutMs: 1000,
      })),
    ],
  });
}, 60_000);
afterAll(async () => {
  await aws.stop();
  await rm(folder, { recursive: true });
});

const call = (name: string, event: unknown, more: object = {}) =>
  signedFetch(`${aws.endpoint}/2015-03-31/functions/${name}/invocations`, {
    service: 'lambda',
    body: typeof event === 'string' ? event : JSON.stringify(event),
    ...more,
  });
async function invoke(name: string, event: unknown) {
  const response = await call(name, event);
  return {
    status: response.status,
    error: response.headers.get('x-amz-function-error'),
    payload: (await response.json()) as Record<string, unknown>,
  };
}

describe('an invocation', () => {
  test('hands over the event and a context, and returns what the handler returns', async () => {
    const { status, error, payload } = await invoke('echo', { a: ['ä', 1, null] });

    expect([status, error]).toEqual([200, null]);
    expect(payload).toMatchObject({
      event: { a: ['ä', 1, null] },
      functionName: 'echo',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      arn: `arn:aws:lambda:${region}:000000000000:function:echo`,
    });
    expect(payload['remainingMs']).toBeGreaterThan(3000);
    expect(payload['remainingMs']).toBeLessThanOrEqual(5000);
  });

  test('runs with an environment of its own, in which are its keys and nothing of ours', async () => {
    process.env['NOT_FOR_FUNCTIONS'] = 'x';
    const { env } = (await invoke('echo', {})).payload;
    delete process.env['NOT_FOR_FUNCTIONS'];

    expect(env).toEqual({
      SALLYPORT_TABLE_POLICY: 'here-policy',
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_ACCESS_KEY_ID: administrator.accessKeyId,
      AWS_SECRET_ACCESS_KEY: administrator.secretAccessKey,
      AWS_REGION: region,
      AWS_LAMBDA_FUNCTION_NAME: 'echo',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      TZ: ':UTC',
    });
  });

  test('finds the module as the last one left it', async () => {
    const first = (await invoke('echo', {})).payload['invocations'] as number;
    const second = (await invoke('echo', {})).payload['invocations'] as number;

    expect(second).toBe(first + 1);
  });

  test('by ARN is the same function', async () => {
    const arn = encodeURIComponent(`arn:aws:lambda:${region}:000000000000:function:echo`);

    expect((await invoke(arn, { by: 'arn' })).payload['event']).toEqual({ by: 'arn' });
  });

  test('a built module is loaded once, and what it prints is heard', async () => {
    expect((await invoke('prebuilt', { n: 1 })).payload).toBe(1);
    expect((await invoke('prebuilt', { n: 2 })).payload).toBe(2);

    // What a worker prints comes on its own way, behind its answer.
    await eventually('what it printed', () => printed.join('').includes('saw 2'));
    expect(printed.join('').match(/cold/g)).toHaveLength(1);
  });

  test('in the background is answered at once; one that fails is tried three times', async () => {
    const background = { headers: { 'x-amz-invocation-type': 'Event' } };
    const seen = (n: string) => printed.join('').split(`saw ${n}\n`).length - 1;

    const good = await call('prebuilt', { n: 'good' }, background);
    const bad = await call('prebuilt', { n: 'bad', fail: true }, background);
    for (let waits = 0; waits < 200 && (seen('good') < 1 || seen('bad') < 3); waits++) await sleep(10);
    await sleep(100);

    expect([good.status, bad.status]).toEqual([202, 202]);
    expect([seen('good'), seen('bad')]).toEqual([1, 3]);
  });
});

describe('a function that fails', () => {
  test.each([
    ['throw', { errorType: 'RangeError', errorMessage: 'no such thing', trace: expect.any(Array) }],
    ['throw text', { errorType: 'string', errorMessage: 'just text', trace: [] }],
    ['exit', { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('exit status 3') }],
    [
      'crash later',
      { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('nobody catches this') },
    ],
    [
      'hang',
      {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringContaining('Task timed out after 0.70 seconds'),
      },
    ],
    ['spin', { errorType: 'Sandbox.Timedout', errorMessage: expect.stringContaining('Task timed out') }],
  ])('%s: the caller is told, and the next invocation works', async (act, payload) => {
    const failed = await invoke('misbehave', { act });
    const next = await invoke('misbehave', {});

    expect(failed).toEqual({ status: 200, error: 'Unhandled', payload });
    expect(next.payload).toMatchObject({ body: 'fine' });
  });

  test('too much memory ends the function, not the host', async () => {
    const { error, payload } = await invoke('misbehave', { act: 'fill memory' });

    expect(error).toBe('Unhandled');
    expect(['Runtime.ExitError', 'Sandbox.Timedout']).toContain(payload['errorType']);
    expect((await invoke('misbehave', {})).error).toBeNull();
  });

  test('an answer past 6 MB is an error', async () => {
    expect((await invoke('misbehave', { act: 'large' })).payload['errorType']).toBe(
      'Function.ResponseSizeTooLarge',
    );
  });

  test('a module without a handler says so', async () => {
    const { error, payload } = await invoke('no-handler', {});

    expect([error, payload['errorType']]).toEqual(['Unhandled', 'Runtime.HandlerNotFound']);
  });

  test('one that hangs does not hold up the others', async () => {
    const hanging = invoke('misbehave', { act: 'hang' });

    expect((await invoke('misbehave', {})).payload).toMatchObject({ body: 'fine' });
    expect((await hanging).error).toBe('Unhandled');
  });

  test('more invocations than may run at once wait for their turn', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => invoke('misbehave', { act: 'slow' })));

    expect(answers.every(({ payload }) => payload['body'] === 'done')).toBe(true);
  });

  test('one that ends while it is loaded, or between invocations, is noticed', async () => {
    const atStart = await invoke('ends-at-start', {});
    const first = await invoke('ends-when-idle', {});
    await sleep(200);
    const second = await invoke('ends-when-idle', {});

    expect([atStart.error, atStart.payload['errorType']]).toEqual(['Unhandled', 'Runtime.ExitError']);
    expect([first.payload, second.payload]).toEqual(['fine', 'fine']);
  });

  test('loading takes no time from the first invocation', async () => {
    expect((await invoke('slow-start', {})).payload).toBe('fine');
  });
});

describe('a call that makes no sense', () => {
  test('there is no such function', async () => {
    const response = await call('absent', {});

    expect([response.status, response.headers.get('x-amzn-errortype')]).toEqual([
      404,
      'ResourceNotFoundException',
    ]);
  });

  test('the event is not JSON', async () => {
    const response = await call('echo', '{"a":');

    expect([response.status, response.headers.get('x-amzn-errortype')]).toEqual([
      400,
      'InvalidRequestContentException',
    ]);
  });

  test('the role may not invoke this function', async () => {
    const response = await call('misbehave', {}, nobody);

    expect([response.status, response.headers.get('x-amzn-errortype')]).toEqual([
      403,
      'AccessDeniedException',
    ]);
    expect((await call('echo', {}, nobody)).status).toBe(200);
  });

  test('there is no such operation', async () => {
    const response = await signedFetch(`${aws.endpoint}/2015-03-31/functions/echo/configuration`, {
      service: 'lambda',
    });

    expect((await outcome(response)).status).toBe(400);
    expect(response.headers.get('x-amzn-errortype')).toBe('UnknownOperationException');
  });
});

test('what is kept on disk is for its owner only', async () => {
  const data = join(folder, 'data');

  expect((await stat(data)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(data)) {
    const state = await stat(join(data, name));
    expect([name, state.mode & 0o777]).toEqual([name, state.isDirectory() ? 0o700 : 0o600]);
  }
});
