import { join } from 'node:path';
import type { DataFolder } from './data-folder.ts';
import { newSecret, readOrMake } from './files.ts';
import type { Pki } from './pki.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { embeddedBinaries } from './postgres-binaries.ts';
import { prepareShop, type ShopLogin } from './shop.ts';
import type { Ports } from './stack-ports.ts';

/** The sample target: a PostgreSQL server with the shop in it. */
export interface Sample {
  readonly server: PostgresServer;
  readonly login: ShopLogin;
}

/** @throws PostgresUnavailable */
export async function startSample(folder: DataFolder, ports: Ports, pki: Pki): Promise<Sample> {
  const server = await startPostgres({
    binaries: await embeddedBinaries(),
    folder: folder.postgres,
    port: ports.sample,
    logFile: join(folder.path('logs'), 'postgres.log'),
    tls: pki.servers['postgres']!,
  });
  try {
    const password = await readOrMake(join(folder.path('secrets'), 'shop-password'), () => newSecret());
    return { server, login: await prepareShop(server, password) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
