/**
 * The embedded stack: the gateway and the functions as they are deployed, over local stand-ins and a sample
 * target, all on the loopback address. `npm start` runs it for people, the tests run it for themselves.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stop as endEsbuild } from 'esbuild';
import { bundleGateway } from '#gateway/bundle/bundle.ts';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';
import { type TableKey, tableName, tables } from '../infra/tables.ts';
import { deployment, loadRoles } from './access-keys.ts';
import type { Aws } from './aws/server.ts';
import { ConfigPublisher, readConfig, shortVersion } from './config-publisher.ts';
import { startControlPlane } from './control-plane.ts';
import { openDataFolder } from './data-folder.ts';
import { gatewayEnvironment } from './gateway-environment.ts';
import { GatewayProcess } from './gateway-process.ts';
import { audience, type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { preparePki } from './pki.ts';
import { loopback } from './ports.ts';
import type { PostgresServer } from './postgres.ts';
import { type ReadyFile, readyPeople } from './ready-file.ts';
import { startSample } from './sample.ts';
import { type LocalSsh, sampleSecret, speaksSsh, startLocalSsh } from './ssh-gateway.ts';
import { sampleHostName } from './ssh-sample.ts';
import { choosePorts } from './stack-ports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface StackOptions {
  readonly dataDir: string;
  /** Ports are this plus the distances of stack-ports.ts; 0 or absent: any free ones. */
  readonly portBase?: number;
  /** The configuration folder. Default: the one of this repository. */
  readonly config?: string;
  /** Begin with no state. */
  readonly reset?: boolean;
  /** Beside what the stack sets, for the gateway. */
  readonly gatewayEnv?: Readonly<Record<string, string>>;
  /** A built gateway task. Default: it is built from the source, which takes a second. */
  readonly gatewayFile?: string;
  /** Runs once the data folder is held, before anything starts. */
  readonly onLocked?: () => Promise<void>;
  /** A line for each thing that happens, at the start and later. */
  readonly onProgress?: (line: string) => void;
}

export interface Stack {
  readonly ready: ReadyFile;
  readonly gateway: GatewayProcess;
  readonly postgres: PostgresServer;
  /** Where the gateway speaks SSH. */
  readonly ssh: LocalSsh | undefined;
  readonly aws: Aws;
  readonly identity: IdentityProvider;
  /** Puts a secret for a target beside the shop's: what `secret:` in targets.yaml names. */
  putSecret(name: string, value: Readonly<Record<string, unknown>>): Promise<void>;
  /** Publishes the configuration folder now, without waiting for the watch. */
  publish(): Promise<{ readonly version: string; readonly changed: boolean }>;
  stop(): Promise<void>;
}

/**
 * Starts everything, or nothing: what was started is stopped again when something fails.
 *
 * @throws FolderInUse, PortTaken, PostgresUnavailable, ConfigMistakes, ConfigUnreadable, GatewayFailed, or the system's own error
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const started: (() => Promise<void>)[] = [];
  // One after the other, the last first: the gateway writes its last records before the tables go.
  const stop = async () => {
    const failures: unknown[] = [];
    for (const end of started.splice(0).reverse()) await end().catch(error => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything stopped as it should');
  };
  try {
    return await start(options, started, stop);
  } catch (error) {
    // The first error is the one to tell.
    await stop().catch(() => {});
    throw error;
  }
}

async function start(
  options: StackOptions,
  started: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Stack> {
  const say = options.onProgress ?? (() => {});
  const config = options.config ?? join(root, 'config');
  const folder = await openDataFolder(options.dataDir);
  started.push(async () => folder.release());
  // Before anything is started: nobody waits for servers to hear of a slip in a file.
  readConfig(config);
  await options.onLocked?.();
  if (options.reset) {
    say(`removing all data in ${folder.root}, the recordings in it too`);
    await folder.reset();
  }
  for (const part of ['identity', 'secrets', 'spool', 'recordings', 'people', 'logs', 'ssh'] as const) {
    await mkdir(folder.path(part), { recursive: true, mode: 0o700 });
  }
  const ports = await choosePorts(options.portBase);
  const pki = await preparePki(folder.path('pki'), ['gateway', 'postgres']);
  const roles = await loadRoles(folder.path('secrets'));
  say('certificates and keys are in place');

  const identity = await startIdentityProvider({ folder: folder.path('identity'), port: ports.identity });
  started.push(() => identity.stop());
  say(`identity provider serves six people at ${identity.issuer}`);

  // At the same time, since each of them takes seconds; each says how to stop it before another can fail.
  say('starting PostgreSQL and the control plane, building the gateway ...');
  const controlStarted = startControlPlane({ folder, ports, roles, identity }).then(made => {
    started.push(() => made.stop());
    say(`control plane serves at ${made.aws.apiUrl}, AWS stand-ins at ${made.aws.endpoint}`);
    return made;
  });
  const [sample, control, ssh, gatewayFile] = await allOf(
    startSample(folder, ports, pki).then(made => {
      started.push(() => made.server.stop());
      say(`PostgreSQL with the sample shop serves at ${loopback}:${ports.sample}`);
      return made;
    }),
    controlStarted,
    speaksSsh
      ? controlStarted.then(async ({ aws }) => {
          const made = await startLocalSsh({ folder, ports, aws, operator: roles.operator });
          started.push(() => made.stop());
          say(`${sampleHostName}: ${made.sample.about}`);
          return made;
        })
      : Promise.resolve(undefined),
    options.gatewayFile === undefined
      ? bundleGateway(folder.path('gateway')).then(built => built.main)
      : Promise.resolve(options.gatewayFile),
  );
  // Everything is built; its process would otherwise stay as long as this one.
  await endEsbuild();
  await control.putSecret('sallyport/targets/shop', {
    engine: 'postgres',
    host: sample.server.host,
    port: sample.server.port,
    username: sample.login.user,
    password: sample.login.password,
    dbname: sample.login.database,
  });
  if (ssh) await control.putSecret(`sallyport/targets/${sampleHostName}`, sampleSecret(ssh.sample));

  const policies = new DynamoTable(control.dynamo, tableName(deployment, 'policy'));
  const publisher = new ConfigPublisher(config, new PolicyStore({ table: policies }));
  const { version } = await publisher.publish();
  started.push(() => publisher.stop());
  publisher.follow(say);
  say(`configuration ${shortVersion(version)} is published`);

  const healthUrl = `http://${loopback}:${ports.health}`;
  const gateway = new GatewayProcess({
    file: gatewayFile,
    cwd: folder.root,
    env: {
      ...gatewayEnvironment({ folder, ports, pki, aws: control.aws, identity, role: roles['gateway-task'] }),
      ...ssh?.env,
      ...options.gatewayEnv,
    },
    healthUrl,
    logFile: join(folder.path('logs'), 'gateway.log'),
  });
  started.push(() => gateway.stop());
  await gateway.start();
  say(`gateway takes PostgreSQL sessions at ${loopback}:${ports.postgres}`);
  if (ssh) say(`gateway takes SSH sessions at ${loopback}:${ports.ssh}`);

  const ready: ReadyFile = {
    gateway: {
      postgres: { host: loopback, port: ports.postgres },
      ...(ssh ? { ssh: ssh.gateway } : {}),
      ca: pki.ca,
      health: healthUrl,
      pid: gateway.pid ?? 0,
    },
    people: await readyPeople(identity),
    targets: {
      shop: { protocol: 'postgres', direct: { host: loopback, port: ports.sample, ...sample.login } },
      ...(ssh ? { [sampleHostName]: { protocol: 'ssh', direct: ssh.sample.direct } } : {}),
    },
    control: { url: control.aws.apiUrl },
    identity: {
      issuer: identity.issuer,
      audience,
      jwksUri: identity.jwksUri,
      passcode: identity.passcode,
    },
    aws: {
      endpoint: control.aws.endpoint,
      region: control.aws.region,
      accessKeyId: roles.operator.accessKeyId,
      secretAccessKey: roles.operator.secretAccessKey,
      tables: Object.fromEntries(
        (Object.keys(tables) as TableKey[]).map(key => [key, tableName(deployment, key)]),
      ),
    },
    paths: {
      data: folder.root,
      config,
      recordings: folder.path('recordings'),
      spool: folder.path('spool'),
      postgresLog: sample.server.logFile,
      gatewayLog: join(folder.path('logs'), 'gateway.log'),
    },
  };
  return {
    ready,
    gateway,
    postgres: sample.server,
    ssh,
    aws: control.aws,
    identity,
    putSecret: control.putSecret,
    publish: () => publisher.publish(),
    stop,
  };
}

/** As `Promise.all`, but waits for all of them also when one fails, so that all can be stopped. */
async function allOf<T extends readonly unknown[]>(
  ...promises: { [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}
