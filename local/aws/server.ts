/**
 * The local stand-in for AWS: DynamoDB, Secrets Manager, KMS and Lambda on one port, the HTTP API on another, both
 * on the loopback address. `AWS_ENDPOINT_URL` alone leads every SDK client here.
 *
 * What a call answered is on disk: killing the process loses nothing that was acknowledged.
 */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Route } from '../../infra/routes.ts';
import { createAwsPort } from './aws-port.ts';
import { bundleFunction } from './bundle.ts';
import { openDynamoDb } from './dynamodb.ts';
import { createFaults, type Faults } from './faults.ts';
import { createHttpApi, portOf } from './http-api.ts';
import { type JwtAuthorizerOptions, jwtAuthorizer } from './http-authorizers.ts';
import { openKms } from './kms.ts';
import { lambdaService } from './lambda.ts';
import { type HostedFunction, startLambdaHost } from './lambda-host.ts';
import { type Role, type RoleTable, roleTable } from './roles.ts';
import { openSecretsManager } from './secrets-manager.ts';

export interface FunctionSpec extends Omit<HostedFunction, 'file' | 'env'> {
  /** TypeScript source, bundled at the start; or else `file`. */
  readonly source?: string;
  /** A built module. */
  readonly file?: string;
  /** The role whose keys the function runs with. */
  readonly role: string;
  /** Beside region, endpoint and keys, which it gets anyway. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface AwsOptions {
  /** State is kept here, readable by its owner only; without it in memory, gone at the end. */
  readonly dataDir?: string;
  /** Of the AWS port. Default 0: any. */
  readonly port?: number;
  /** Of the HTTP API. Default 0: any. */
  readonly apiPort?: number;
  /** A loopback address. Default 127.0.0.1. */
  readonly host?: string;
  readonly region?: string;
  readonly accountId?: string;
  readonly roles: readonly Role[];
  readonly functions?: readonly FunctionSpec[];
  readonly routes?: readonly Route[];
  /** Who issues the tokens of `jwt` routes. */
  readonly jwt?: JwtAuthorizerOptions;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
  readonly faults?: Faults;
  /** How long the HTTP API waits for a function. Default 30,000, as on AWS. */
  readonly integrationTimeoutMs?: number;
  /** Between attempts of an asynchronous invocation. Default 1,000; AWS waits minutes. */
  readonly asyncRetryMs?: number;
  /** What functions print. */
  readonly onFunctionOutput?: (functionName: string, text: string) => void;
}

export interface Aws {
  /** For `AWS_ENDPOINT_URL`. */
  readonly endpoint: string;
  /** The base address of the HTTP API. */
  readonly apiUrl: string;
  readonly region: string;
  readonly faults: Faults;
  /** Lets DynamoDB's time to live take effect now. @returns how many items went. */
  sweepExpired(): Promise<number>;
  /** Lets running calls end (for two seconds), then ends everything. */
  stop(): Promise<void>;
}

const defaults = {
  port: 0,
  apiPort: 0,
  host: '127.0.0.1',
  region: 'us-east-1',
  accountId: '000000000000',
  functions: [] as readonly FunctionSpec[],
  routes: [] as readonly Route[],
  integrationTimeoutMs: 30_000,
  asyncRetryMs: 1000,
};
const stopGraceMs = 2000;

type Settings = AwsOptions & typeof defaults & { readonly clock: () => number };

function check(settings: Settings, roles: RoleTable): void {
  const loopback = settings.host === '::1' || (isIP(settings.host) === 4 && settings.host.startsWith('127.'));
  if (!loopback) throw new TypeError(`host: ${settings.host} is not a loopback address`);
  const names = new Set(settings.functions.map(({ name }) => name));
  const missing = settings.routes.find(route => !names.has(route.function));
  if (missing !== undefined) throw new TypeError(`routes: there is no function '${missing.function}'`);
  const stranger = settings.functions.find(({ role }) => roles.byName(role) === undefined);
  if (stranger !== undefined)
    throw new TypeError(`functions: '${stranger.name}' has no role '${stranger.role}'`);
}

async function privateFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  return path;
}

async function moduleOf(spec: FunctionSpec, folder: string): Promise<string> {
  if (spec.file !== undefined) return spec.file;
  if (spec.source === undefined) throw new TypeError(`functions: '${spec.name}' has neither source nor file`);
  return bundleFunction(spec.source, join(folder, spec.name));
}

function functionEnv(
  spec: FunctionSpec,
  roles: RoleTable,
  endpoint: string,
): Readonly<Record<string, string>> {
  const role = roles.byName(spec.role)!;
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: role.accessKeyId,
    AWS_SECRET_ACCESS_KEY: role.secretAccessKey,
    ...(role.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: role.sessionToken }),
    ...spec.env,
  };
}

async function listen(server: Server, port: number, host: string): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening');
  return `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), stopGraceMs);
  await closed;
  clearTimeout(timer);
}

/** Ends what has been started, the last first, even if one of them fails to end. */
class Undo {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.#steps.unshift(step);
  }

  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0)) await step().catch(error => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'The stand-in did not stop cleanly.');
  }
}

/** @throws {TypeError} for options that contradict each other; what fails to start leaves nothing running. */
export async function startAws(options: AwsOptions): Promise<Aws> {
  const settings: Settings = { ...defaults, clock: Date.now, ...options };
  const roles = roleTable(settings.roles);
  check(settings, roles);
  const undo = new Undo();
  try {
    return await start(settings, roles, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function start(settings: Settings, roles: RoleTable, undo: Undo): Promise<Aws> {
  const { region, accountId, clock, host, dataDir } = settings;
  const faults = settings.faults ?? createFaults();
  const stopping = new AbortController();
  const folder = dataDir === undefined ? undefined : await privateFolder(dataDir);
  const built = folder ?? (await mkdtemp(join(tmpdir(), 'sallyport-aws-')));
  if (folder === undefined) undo.add(() => rm(built, { recursive: true, force: true }));
  const files = await Promise.all(settings.functions.map(spec => moduleOf(spec, join(built, 'functions'))));

  const levelPath = folder === undefined ? {} : { path: await privateFolder(join(folder, 'dynamodb')) };
  const dynamodb = await openDynamoDb({ ...levelPath, region, accountId, clock });
  undo.add(() => dynamodb.close());
  const secretsPath = folder === undefined ? {} : { path: join(folder, 'secrets.sqlite') };
  const secrets = openSecretsManager({ ...secretsPath, region, accountId, clock });
  undo.add(() => secrets.close());
  const kmsPath = folder === undefined ? {} : { path: join(folder, 'kms.sqlite') };
  const kms = openKms({ ...kmsPath, region, accountId, clock });
  undo.add(() => kms.close());

  // Functions are told the address of the port that serves them: it is known before the first of them starts.
  let endpoint = '';
  const hosted = settings.functions.map(({ source: _source, role: _role, ...spec }, at) => ({
    ...spec,
    file: files[at]!,
    env: () => functionEnv(settings.functions[at]!, roles, endpoint),
  }));
  const onOutput = settings.onFunctionOutput;
  const lambdaHost = startLambdaHost({
    functions: hosted,
    region,
    accountId,
    ...(onOutput === undefined ? {} : { onOutput }),
  });
  undo.add(() => lambdaHost.stop());
  const lambda = lambdaService({ host: lambdaHost, retryDelayMs: settings.asyncRetryMs });
  undo.add(() => lambda.close());

  const shared = { roles, region, accountId, clock, faults, stopped: stopping.signal };
  const awsServer = createAwsPort({ ...shared, services: [dynamodb, secrets, kms, lambda] });
  undo.add(() => closeServer(awsServer));
  endpoint = await listen(awsServer, settings.port, host);
  const apiServer = createHttpApi({
    ...shared,
    routes: settings.routes,
    host: lambdaHost,
    integrationTimeoutMs: settings.integrationTimeoutMs,
    ...(settings.jwt === undefined ? {} : { authorizeJwt: jwtAuthorizer(settings.jwt, clock) }),
  });
  undo.add(() => closeServer(apiServer));
  const apiUrl = await listen(apiServer, settings.apiPort, host);
  undo.add(async () => stopping.abort());

  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= undo.run();
    return stopped;
  };
  return { endpoint, apiUrl, region, faults, sweepExpired: () => dynamodb.sweep(), stop };
}
