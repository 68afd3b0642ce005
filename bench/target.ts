import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newSecret } from '#local/files.ts';
import { preparePki } from '#local/pki.ts';
import { freePort } from '#local/ports.ts';
import { startPostgres } from '#local/postgres.ts';
import { debianPostgres } from './debian-postgres.ts';
import type { Target } from './legs/leg.ts';

const run = promisify(execFile);

/** The bench's target, and the role and the database that every leg ends at. */
export interface RunningTarget extends AsyncDisposable {
  readonly target: Target;
  /** Bytes of text in the columns of the bulk table. */
  readonly bulkBytes: number;
}

/** Rows of the bulk table: seven columns, some 350 bytes, text that compresses about as real rows do. */
const BULK_ROWS = 750_000;

/** Rows that one bulk SELECT returns, so that a client which collects a result stays small (see bulk.ts). */
export const BULK_STEP = 25_000;
export const BULK_STEPS = BULK_ROWS / BULK_STEP;

const BULK_TABLE = `
  CREATE TABLE bulk AS
  SELECT i::int AS id,
         'customer ' || (i::bigint * 7919 % 100000) AS name,
         'user' || i || '@shop.example' AS email,
         md5(i::text) || md5((i + 1)::text) AS token,
         timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute' AS created,
         (i % 9973)::numeric / 100 AS amount,
         repeat('the quick brown fox jumps over the lazy dog ' || i % 1000 || ' ', 4) AS note
    FROM generate_series(1, ${BULK_ROWS}) AS i`;

/**
 * Debian's PostgreSQL 15 on loopback with pgbench's tables at scale 10 (they fit in memory) and the bulk
 * table, cached whole. TLS is on: who wants none says so. A role without special rights owns it all.
 */
export async function startTarget(folder: string): Promise<RunningTarget> {
  const postgres = await debianPostgres();
  const pki = await preparePki(join(folder, 'pki'), ['postgres', 'proxy']);
  await chmod(pki.ca, 0o644);
  const serverCertificate = pki.servers['postgres'];
  const proxyCertificate = pki.servers['proxy'];
  if (serverCertificate === undefined || proxyCertificate === undefined) throw new TypeError('certificates');
  const server = await startPostgres({
    binaries: postgres.bin,
    folder: join(folder, 'server'),
    port: await freePort(),
    logFile: join(folder, 'server.log'),
    tls: serverCertificate,
    settings: {
      max_connections: '600',
      shared_buffers: '768MB',
      fsync: 'off',
      autovacuum: 'off',
      log_statement: 'none',
      log_min_messages: 'fatal',
    },
  });
  try {
    const login = { user: 'bench', password: newSecret(), database: 'bench' };
    await server.administer('postgres', async client => {
      await client.query(`CREATE ROLE ${login.user} LOGIN PASSWORD '${login.password}'`);
      await client.query(`CREATE DATABASE ${login.database} OWNER ${login.user}`);
    });
    const env = {
      PATH: process.env['PATH'] ?? '',
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: login.user,
      PGPASSWORD: login.password,
      PGDATABASE: login.database,
      PGSSLMODE: 'disable',
    };
    await run(join(postgres.bin, 'pgbench'), ['-i', '-q', '-s', '10'], { env });
    const { version, bulkBytes } = await server.administer(login.database, async client => {
      await client.query(BULK_TABLE);
      await client.query('ALTER TABLE bulk ADD PRIMARY KEY (id)');
      await client.query(`ALTER TABLE bulk OWNER TO ${login.user}`);
      await client.query('VACUUM ANALYZE');
      const columns = ['id', 'name', 'email', 'token', 'created', 'amount', 'note'];
      const sum = columns.map(column => `octet_length(${column}::text)`).join(' + ');
      const answer = await client.query<{ bytes: string; version: string }>(
        `SELECT sum(${sum})::text AS bytes, current_setting('server_version') AS version FROM bulk`,
      );
      const row = answer.rows[0];
      if (row === undefined) throw new Error('the bulk table cannot be read');
      return { version: row.version.split(' ')[0] ?? row.version, bulkBytes: Number(row.bytes) };
    });
    const target = {
      ...login,
      postgres,
      version,
      host: server.host,
      port: server.port,
      ca: pki.ca,
      proxyCertificate,
    };
    return { target, bulkBytes, [Symbol.asyncDispose]: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
