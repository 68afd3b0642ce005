import { appendFile, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeDataFolder } from '#local/data-folder.ts';
import { newSecret } from '#local/files.ts';
import type { PostgresServer } from '#local/postgres.ts';
import { prepareShop } from '#local/shop.ts';
import { type Stack, startStack } from '#local/stack.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { startDebianPostgres } from './debian-postgres.ts';
import type { Login } from './login.ts';

const shippedConfig = fileURLToPath(new URL('../../../config', import.meta.url));

export interface TestStackOptions {
  /** Debian's PostgreSQL 15 beside the embedded 18, as the target `debian`, with the same shop in it. */
  readonly debian?: boolean;
  /** Further databases of the target `debian`. */
  readonly debianDatabases?: readonly string[];
  /** More of targets.yaml, by name. */
  readonly targets?: Readonly<Record<string, object>>;
  /** More policies, in Cedar. */
  readonly policies?: string;
  readonly gatewayEnv?: Readonly<Record<string, string>>;
}

export type PersonName = 'dev' | 'dba' | 'approver' | 'approver2' | 'auditor' | 'agent';

/** The embedded stack in a folder of its own, with the shipped configuration and what a test adds. */
export interface TestStack {
  readonly stack: Stack;
  readonly folder: string;
  /** How a person signs in through the gateway, by TLS. Default database: the target `shop`. */
  login(person: PersonName, database?: string): Login;
  /** The way round the gateway, with the gateway's own login. */
  direct(target?: 'shop' | 'debian', database?: string): Login;
  /** Throws a TypeError where the stack was started without it. */
  readonly debian: PostgresServer;
  stop(): Promise<void>;
}

export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const folder = await temporaryFolder('test');
  const ends: (() => Promise<unknown>)[] = [async () => folder[Symbol.asyncDispose]()];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const config = join(folder.path, 'config');
    await cp(shippedConfig, config, { recursive: true });
    const targets = {
      ...(options.debian ? { debian: targetOf('debian', options.debianDatabases ?? []) } : {}),
      ...options.targets,
    };
    for (const [name, target] of Object.entries(targets)) {
      await appendFile(join(config, 'targets.yaml'), `${name}: ${JSON.stringify(target)}\n`);
    }
    const policies = `${options.debian ? debianPolicies : ''}${options.policies ?? ''}`;
    if (policies) await writeFile(join(config, 'policies', 'tests.cedar'), policies);

    const dataDir = join(folder.path, 'data');
    const debianStarted = options.debian ? startDebianPostgres(folder.path) : undefined;
    if (debianStarted)
      ends.push(() =>
        debianStarted.then(
          server => server.stop(),
          () => {},
        ),
      );
    const stack = await startStack({
      dataDir,
      config,
      ...(options.gatewayEnv ? { gatewayEnv: options.gatewayEnv } : {}),
    });
    ends.push(() => removeDataFolder(dataDir));
    ends.push(() => stack.stop());
    const debian = await debianStarted;
    const debianPassword = newSecret();
    if (debian) {
      const { user } = await prepareShop(debian, debianPassword);
      await stack.putSecret('sallyport/targets/debian', {
        host: debian.host,
        port: debian.port,
        username: user,
        password: debianPassword,
      });
    }
    const { gateway, people, targets: samples } = stack.ready;
    return {
      stack,
      folder: folder.path,
      login: (person, database = 'shop') => ({
        host: 'localhost',
        port: gateway.postgres.port,
        user: people[person]!.email,
        password: people[person]!.token,
        database,
        ca: gateway.ca,
      }),
      direct: (target = 'shop', database = 'shop') => {
        const shop = samples['shop']!.direct;
        if (target === 'shop') return { ...shop, database };
        return {
          host: debian!.host,
          port: debian!.port,
          user: shop.user,
          password: debianPassword,
          database,
        };
      },
      get debian() {
        if (debian === undefined) throw new TypeError('this stack has no Debian server');
        return debian;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** On loopback, in the clear, by the secret of the same name. */
export function targetOf(name: string, databases: readonly string[] = []): object {
  return {
    protocol: 'postgres',
    secret: `sallyport/targets/${name}`,
    database: 'shop',
    databases,
    tls: { mode: 'disable' },
  };
}

/** At the target `debian` developers may do what the shipped policies let them do at the shop. */
const debianPolicies = `
@id("developers-debian")
permit(
  principal in Group::"developers",
  action in [Action::"connect", Action::"read", Action::"session"],
  resource == Target::"debian"
);
@id("developers-debian-orders")
permit(
  principal in Group::"developers",
  action in [Action::"postgres:insert", Action::"postgres:update", Action::"postgres:delete"],
  resource == Target::"debian"
)
when { context.object == "public.orders" };
`;
