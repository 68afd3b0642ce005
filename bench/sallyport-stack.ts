import { appendFile, copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '#lib/policy/config/load.ts';
import { formatMistake } from '#lib/policy/config/mistake.ts';
import { startStack } from '#local/stack.ts';
import { descendants } from './process-usage.ts';

/** A PostgreSQL database that the gateway is to open as a target. */
export interface Behind {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The authority of its certificate, in PEM, as a file: verify-full. Undefined: no TLS, as on a loopback. */
  readonly ca?: string | undefined;
}

export interface SallyportOptions {
  /** A temporary folder. */
  readonly folder: string;
  /** By name: a client writes the name as its database. */
  readonly targets: Readonly<Record<string, Behind>>;
  /**
   * `shipped`: the folder config/ as it is, and beside it a permission for these targets. `allow-all`: nothing
   * but one policy that permits everything.
   */
  readonly policies: 'shipped' | 'allow-all';
  readonly gatewayEnv?: Readonly<Record<string, string>>;
}

/** A running gateway, and how a libpq client signs in at it. */
export interface Sallyport extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** An access token. */
  readonly password: string;
  /** Of the gateway's certificate, as a file that the clients' account may read. */
  readonly ca: string;
  /** The gateway, and the shipper beside it. */
  readonly pids: readonly number[];
  readonly gatewayLog: string;
}

/**
 * The embedded stack with targets of our own: the gateway as it is built for deployment, with TLS, policy and
 * recording, and the local stand-ins for all that is around it.
 */
export async function startSallyport(options: SallyportOptions): Promise<Sallyport> {
  const config = join(options.folder, 'config');
  await writeConfig(config, options);
  const { mistakes } = loadConfig(config);
  if (mistakes.length > 0) {
    throw new Error(mistakes.map(mistake => formatMistake(config, mistake)).join('\n'));
  }
  const stack = await startStack({
    dataDir: join(options.folder, 'sallyport'),
    config,
    ...(options.gatewayEnv === undefined ? {} : { gatewayEnv: options.gatewayEnv }),
  });
  try {
    for (const [name, { host, port, user, password, database }] of Object.entries(options.targets)) {
      await stack.putSecret(secretOf(name), {
        engine: 'postgres',
        host,
        port,
        username: user,
        password,
        dbname: database,
      });
    }
    const person = stack.ready.people['dev'];
    const pid = stack.gateway.pid;
    if (person === undefined || pid === undefined)
      throw new Error('the stack has no gateway, or nobody to use it');
    const ca = join(options.folder, 'gateway-ca.pem');
    await copyFile(stack.ready.gateway.ca, ca);
    return {
      ...stack.ready.gateway.postgres,
      user: person.email,
      password: person.token,
      ca,
      pids: [pid, ...descendants(pid)],
      gatewayLog: stack.ready.paths.gatewayLog,
      [Symbol.asyncDispose]: () => stack.stop(),
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

const secretOf = (name: string) => `sallyport/targets/${name}`;

async function writeConfig(config: string, { targets, policies }: SallyportOptions): Promise<void> {
  if (policies === 'shipped') {
    await cp(join(import.meta.dirname, '../config'), config, { recursive: true });
  } else {
    await mkdir(join(config, 'policies'), { recursive: true });
    for (const file of ['targets.yaml', 'approvals.yaml', 'masks.yaml'])
      await writeFile(join(config, file), '');
  }
  const resources =
    policies === 'allow-all'
      ? ['resource']
      : Object.keys(targets).map(name => `resource == Target::"${name}"`);
  const permits = resources.map(
    (resource, index) => `@id("bench-${index}")\npermit(principal, action, ${resource});\n`,
  );
  await writeFile(join(config, 'policies', 'bench.cedar'), permits.join(''));
  for (const [name, { database, ca }] of Object.entries(targets)) {
    if (ca !== undefined) await copyFile(ca, join(config, `${name}.pem`));
    const tls = ca === undefined ? { mode: 'disable' } : { mode: 'verify-full', ca: `${name}.pem` };
    const target = { protocol: 'postgres', secret: secretOf(name), database, tls };
    // YAML takes JSON as it is.
    await appendFile(join(config, 'targets.yaml'), `\n${name}: ${JSON.stringify(target)}\n`);
  }
}
