/** Where keys lie: one SQLite file, readable by its owner only. Unlike KMS's own, these keys can be copied. */
import { chmodSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { KeySpecName } from './kms-specs.ts';

export interface KeyRow {
  readonly keyId: string;
  readonly arn: string;
  readonly spec: KeySpecName;
  readonly description: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** PKCS #8 in DER. */
  readonly privateKey: Uint8Array;
}

export interface AliasRow {
  /** `alias/name` */
  readonly name: string;
  readonly arn: string;
  readonly keyId: string;
  readonly createdAt: number;
}

const schema = `
  CREATE TABLE IF NOT EXISTS key (
    keyId TEXT PRIMARY KEY, arn TEXT NOT NULL UNIQUE, spec TEXT NOT NULL, description TEXT NOT NULL,
    createdAt INTEGER NOT NULL, privateKey BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS alias (
    name TEXT PRIMARY KEY, arn TEXT NOT NULL UNIQUE, keyId TEXT NOT NULL REFERENCES key, createdAt INTEGER NOT NULL
  ) STRICT;
`;

type Row = Record<string, SQLOutputValue>;

export class KmsStore {
  readonly #db: DatabaseSync;

  /** @param path in memory without it. */
  constructor(path = ':memory:') {
    this.#db = new DatabaseSync(path);
    if (path !== ':memory:') chmodSync(path, 0o600);
    this.#db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL');
    this.#db.exec(schema);
  }

  close(): void {
    this.#db.close();
  }

  /** By key id, key ARN, alias name or alias ARN. */
  find(id: string): KeyRow | undefined {
    const sql = `SELECT * FROM key WHERE keyId = ?1 OR arn = ?1
      OR keyId = (SELECT keyId FROM alias WHERE name = ?1 OR arn = ?1)`;
    return this.#db.prepare(sql).get(id) as Row | undefined as unknown as KeyRow | undefined;
  }

  insert({ keyId, arn, spec, description, createdAt, privateKey }: KeyRow): void {
    const sql =
      'INSERT INTO key (keyId, arn, spec, description, createdAt, privateKey) VALUES (?, ?, ?, ?, ?, ?)';
    this.#db.prepare(sql).run(keyId, arn, spec, description, createdAt, privateKey);
  }

  alias(name: string): AliasRow | undefined {
    const row = this.#db.prepare('SELECT * FROM alias WHERE name = ?').get(name) as Row | undefined;
    return row as unknown as AliasRow | undefined;
  }

  /** In the order of their names, after `after`. */
  aliases(after: string, keyId: string | undefined, limit: number): AliasRow[] {
    const sql = 'SELECT * FROM alias WHERE name > ?1 AND (?2 IS NULL OR keyId = ?2) ORDER BY name LIMIT ?3';
    return this.#db.prepare(sql).all(after, keyId ?? null, limit) as Row[] as unknown as AliasRow[];
  }

  insertAlias({ name, arn, keyId, createdAt }: AliasRow): void {
    this.#db
      .prepare('INSERT INTO alias (name, arn, keyId, createdAt) VALUES (?, ?, ?, ?)')
      .run(name, arn, keyId, createdAt);
  }
}
