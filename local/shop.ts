/** The sample target: the database `shop` in a PostgreSQL, and the one login that the gateway has for it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import type { PostgresServer } from './postgres.ts';
import { makeShopRows } from './shop-rows.ts';

const schemaFile = fileURLToPath(new URL('shop.sql', import.meta.url));
const database = 'shop';
const role = 'sallyport_shop';

export interface ShopLogin {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Makes the role and the database where they are missing. The role owns the database and everything in it,
 * and is no superuser. A database that is there is left as it is, whatever people have done to it.
 *
 * @param password what the role signs in with from now on (kept by the server as a SCRAM-SHA-256 verifier)
 */
export async function prepareShop(server: PostgresServer, password: string): Promise<ShopLogin> {
  await server.administer('postgres', async client => {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${role} LOGIN`);
    await client.query(`ALTER ROLE ${role} PASSWORD ${client.escapeLiteral(password)}`);
  });
  if (!(await exists(server, database))) {
    // Under another name until it is full, so that an interrupted first start begins anew.
    const draft = `${database}_new`;
    await server.administer('postgres', async client => {
      await client.query(`DROP DATABASE IF EXISTS ${draft}`);
      await client.query(`CREATE DATABASE ${draft} OWNER ${role}`);
      await client.query(`REVOKE ALL ON DATABASE ${draft} FROM PUBLIC`);
    });
    await server.administer(draft, fill);
    await server.administer('postgres', client =>
      client.query(`ALTER DATABASE ${draft} RENAME TO ${database}`),
    );
  }
  return { user: role, password, database };
}

async function exists(server: PostgresServer, name: string): Promise<boolean> {
  return server.administer('postgres', async client => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    return rowCount === 1;
  });
}

async function fill(client: Client) {
  await client.query(`SET ROLE ${role}`);
  await client.query('BEGIN');
  await client.query(await readFile(schemaFile, 'utf8'));
  const rows = makeShopRows();
  for (const [table, list] of Object.entries(rows)) {
    await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [
      JSON.stringify(list),
    ]);
  }
  for (const table of ['customers', 'orders', 'payments']) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence('${table}', 'id'), (SELECT max(id) FROM ${table}))`,
    );
  }
  await client.query('COMMIT');
  await client.query('ANALYZE');
}
