import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HttpAnswer, HttpEvent } from '#functions/middleware/http.ts';
import { bundleFunction } from '#local/aws/bundle.ts';
import { claims, event, gateway, signedIn } from './fixtures.ts';

/** Nothing of DynamoDB but that it is there and fails. */
let dynamodb: Server;
let folder: string;
const asks: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'functions-'));
  dynamodb = createServer((request, response) => {
    asks.push(String(request.headers['x-amz-target']));
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end('{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}');
  });
  await new Promise<void>(resolve => dynamodb.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  dynamodb.closeAllConnections();
  dynamodb.close();
  await rm(folder, { recursive: true });
});

/** Bundles a function outside the project, loads that in a thread, and sends it one event. */
async function invokeBundled(name: string, sent: HttpEvent): Promise<{ answer: HttpAnswer; bytes: number }> {
  const entry = fileURLToPath(new URL(`../../../functions/${name}/handler.ts`, import.meta.url));
  const bundle = await bundleFunction(entry, join(folder, name));
  const { port } = dynamodb.address() as AddressInfo;
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { handler } = await import(workerData.href);
    parentPort.postMessage(await handler(workerData.sent, { awsRequestId: 'request-1' }));`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { href: pathToFileURL(bundle).href, sent },
    stderr: true,
    execArgv: [],
    env: {
      SALLYPORT_TABLE_POLICY: 'policy',
      SALLYPORT_TABLE_SESSIONS: 'sessions',
      SALLYPORT_TABLE_ACCESS: 'access',
      SALLYPORT_OIDC_ISSUER: 'https://id.example',
      SALLYPORT_OIDC_AUDIENCE: 'sallyport',
      SALLYPORT_OIDC_CLIENT_ID: 'sallyport-sign-in',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}`,
    },
  });
  const answer = await new Promise<HttpAnswer>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  await worker.terminate();
  const [text = ''] = (await readFile(bundle, 'utf8')).split('//# sourceMappingURL');
  return { answer, bytes: text.length };
}

const body = JSON.stringify({ principal: null, target: null });
const fingerprint = `SHA256:${'A'.repeat(43)}`;

test.each([
  ['policy-lookup', event('POST /v1/lookup', { authorizer: gateway, body })],
  ['tickets', event('POST /v1/tickets', { ...signedIn(claims()), body })],
  ['sessions', event('GET /v1/sessions', signedIn(claims()))],
  ['logins', event('POST /v1/logins/{id}', { authorizer: gateway, pathParameters: { id: 'x'.repeat(43) } })],
  ['keys', event('POST /v1/keys/lookup', { authorizer: gateway, body: JSON.stringify({ fingerprint }) })],
])(
  'the function %s is one small file that loads and reaches its tables',
  async (name, sent) => {
    asks.length = 0;

    const { answer, bytes } = await invokeBundled(name, sent);

    expect(answer.statusCode).toBe(503);
    expect(JSON.parse(answer.body ?? '')).toMatchObject({ code: 'controlPlaneUnavailable' });
    expect(asks).toContain('DynamoDB_20120810.GetItem');
    expect(bytes).toBeLessThan(3_000_000);
  },
  60_000,
);
