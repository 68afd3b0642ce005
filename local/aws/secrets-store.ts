/** Where secrets lie: one SQLite file, readable by its owner only, every change on disk before the answer. */
import { chmodSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

export interface SecretRow {
  readonly name: string;
  readonly arn: string;
  readonly description: string | null;
  /** JSON: `[{Key, Value}]` */
  readonly tags: string;
  readonly createdAt: number;
  readonly changedAt: number;
  /** When it is gone for good, in milliseconds; null while it is not to be deleted. */
  readonly deletionAt: number | null;
}

export interface VersionRow {
  readonly versionId: string;
  readonly secretString: string | null;
  /** base64 */
  readonly secretBinary: string | null;
  readonly createdAt: number;
}

const schema = `
  CREATE TABLE IF NOT EXISTS secret (
    name TEXT PRIMARY KEY, arn TEXT NOT NULL UNIQUE, description TEXT, tags TEXT NOT NULL,
    createdAt INTEGER NOT NULL, changedAt INTEGER NOT NULL, deletionAt INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS version (
    name TEXT NOT NULL REFERENCES secret ON DELETE CASCADE, versionId TEXT NOT NULL,
    secretString TEXT, secretBinary TEXT, createdAt INTEGER NOT NULL, PRIMARY KEY (name, versionId)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS stage (
    name TEXT NOT NULL REFERENCES secret ON DELETE CASCADE, label TEXT NOT NULL, versionId TEXT NOT NULL,
    PRIMARY KEY (name, label)
  ) STRICT;
`;

type Row = Record<string, SQLOutputValue>;

export class SecretsStore {
  readonly #db: DatabaseSync;

  /** @param path of the file; in memory without it. */
  constructor(path?: string) {
    this.#db = new DatabaseSync(path ?? ':memory:');
    if (path !== undefined) chmodSync(path, 0o600);
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    this.#db.exec(schema);
  }

  close(): void {
    this.#db.close();
  }

  /** All of `work` or, if it throws, nothing of it. */
  atomically<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** By name, ARN, or ARN without its random end. */
  find(id: string): SecretRow | undefined {
    const sql = 'SELECT * FROM secret WHERE name = ?1 OR arn = ?1 OR substr(arn, 1, length(arn) - 7) = ?1';
    return this.#db.prepare(sql).get(id) as Row | undefined as unknown as SecretRow | undefined;
  }

  /** In the order of their names, after `after`. */
  list(after: string, namePrefixes: readonly string[], planned: boolean, limit: number): SecretRow[] {
    const rows = this.#db.prepare('SELECT * FROM secret WHERE name > ? ORDER BY name').all(after);
    return (rows as Row[] as unknown as SecretRow[])
      .filter(row => planned || row.deletionAt === null)
      .filter(row => namePrefixes.length === 0 || namePrefixes.some(prefix => row.name.startsWith(prefix)))
      .slice(0, limit);
  }

  insert(secret: SecretRow): void {
    const { name, arn, description, tags, createdAt, changedAt } = secret;
    const sql =
      'INSERT INTO secret (name, arn, description, tags, createdAt, changedAt) VALUES (?, ?, ?, ?, ?, ?)';
    this.#db.prepare(sql).run(name, arn, description, tags, createdAt, changedAt);
  }

  setTags(name: string, tags: string): void {
    this.#db.prepare('UPDATE secret SET tags = ? WHERE name = ?').run(tags, name);
  }

  setDeletion(name: string, deletionAt: number | null): void {
    this.#db.prepare('UPDATE secret SET deletionAt = ? WHERE name = ?').run(deletionAt, name);
  }

  touch(name: string, changedAt: number): void {
    this.#db.prepare('UPDATE secret SET changedAt = ? WHERE name = ?').run(changedAt, name);
  }

  /** Deletes secrets whose time has come. */
  purge(now: number): void {
    this.#db.prepare('DELETE FROM secret WHERE deletionAt <= ?').run(now);
  }

  versions(name: string): VersionRow[] {
    const sql =
      'SELECT versionId, secretString, secretBinary, createdAt FROM version WHERE name = ? ORDER BY createdAt';
    return this.#db.prepare(sql).all(name) as Row[] as unknown as VersionRow[];
  }

  addVersion(name: string, version: VersionRow): void {
    const { versionId, secretString, secretBinary, createdAt } = version;
    const sql =
      'INSERT INTO version (name, versionId, secretString, secretBinary, createdAt) VALUES (?, ?, ?, ?, ?)';
    this.#db.prepare(sql).run(name, versionId, secretString, secretBinary, createdAt);
  }

  /** Label to version id. */
  stages(name: string): Map<string, string> {
    const rows = this.#db
      .prepare('SELECT label, versionId FROM stage WHERE name = ? ORDER BY label')
      .all(name);
    return new Map((rows as { label: string; versionId: string }[]).map(row => [row.label, row.versionId]));
  }

  setStage(name: string, label: string, versionId: string): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO stage (name, label, versionId) VALUES (?, ?, ?)')
      .run(name, label, versionId);
  }

  removeStage(name: string, label: string): void {
    this.#db.prepare('DELETE FROM stage WHERE name = ? AND label = ?').run(name, label);
  }
}
