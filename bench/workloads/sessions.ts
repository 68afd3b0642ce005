import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Leg } from '../legs/leg.ts';
import { memoryKib } from '../process-usage.ts';
import { printed, runClient } from './client.ts';
import type { Workload } from './workload.ts';

/** A principal may have 200 sessions by default. */
const FEW = 40;
const MANY = 190;
const SIGN_INS = 200;

/**
 * Resident memory of one more idle session: the slope between 40 and 190 of them, so that what the first
 * ones bring into memory is not counted. TLS goes on to the target where the leg can.
 */
const idle: Workload = {
  load: 'idle',
  needsProxy: true,
  once: true,
  measure: async (leg, context) => {
    const clients: Client[] = [];
    try {
      const grow = async (to: number) => {
        while (clients.length < to) {
          context.signal.throwIfAborted();
          clients.push(await signIn(leg));
        }
        await sleep(2000);
        return memoryKib(leg.pids, 'VmRSS');
      };
      const few = await grow(FEW);
      const many = await grow(MANY);
      return [{ quantity: 'sessionMemory', load: 'idle', value: (many - few) / (MANY - FEW) }];
    } finally {
      await Promise.allSettled(clients.map(client => client.end()));
    }
  },
};

async function signIn(leg: Leg): Promise<Client> {
  const client = new Client({
    host: leg.host,
    port: leg.port,
    user: leg.user,
    password: leg.password,
    database: leg.databaseOverTls ?? leg.database,
    ssl: leg.ca === undefined ? false : { ca: await readFile(leg.ca, 'utf8') },
    connectionTimeoutMillis: 15_000,
  });
  // A connection that breaks while it is idle says so by an event; the next query fails as well.
  client.on('error', () => {});
  await client.connect();
  await client.query('SELECT 1');
  return client;
}

/** 200 sessions one after another, each with one statement: pgbench with a connection a transaction. */
const setUp: Workload = {
  load: 'set-up',
  needsProxy: false,
  once: false,
  measure: async (leg, context) => {
    const script = join(context.folder, 'one.sql');
    await writeFile(script, 'SELECT 1;\n');
    const args = ['-n', '-C', '-f', script, '-c', '1', '-t', String(SIGN_INS)];
    const run = await runClient('pgbench', args, leg, context);
    const time = {
      quantity: 'sessionTime',
      load: 'set-up',
      value: printed(run.stdout, 'average connection time ='),
    } as const;
    if (leg.pids.length === 0) return [time];
    return [time, { quantity: 'sessionCpu', load: 'set-up', value: run.proxyCpuUs / 1000 / SIGN_INS }];
  },
};

export const idleSessions: readonly Workload[] = [idle];
export const signIns: readonly Workload[] = [setUp];
