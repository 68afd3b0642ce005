/**
 * dynalite's store with what it lacks: a write and its index entries, or all writes of a transaction, become
 * one LevelDB batch, written to disk before the answer. A batch is whole or absent after a crash, so there is
 * nothing to undo or replay. Actions of dynalite run against a view: reads come from one snapshot, writes are
 * collected.
 */
import dynalite, { type Item, type Store, type Table } from 'dynalite/db/index.js';
import validations from 'dynalite/validations/index.js';
import { type Action, toAwsError, View, type Write } from './dynamodb-view.ts';
import { Gate, KeyedLocks } from './locks.ts';
import { AwsError } from './service.ts';

export interface Validation {
  readonly types: Readonly<Record<string, unknown>>;
  readonly custom?: (data: object, store: Store) => string | undefined;
}

export interface DynamoStoreOptions {
  /** Folder of the LevelDB; in memory without it. */
  readonly path?: string;
  readonly region: string;
  readonly accountId: string;
}

interface Level {
  get(key: string, options: object): Promise<unknown>;
  batch(writes: readonly Write[], options: { readonly sync: true }): Promise<void>;
}

export class DynamoStore {
  readonly #base: Store;
  readonly #locks = new KeyedLocks();
  readonly #gate = new Gate();

  private constructor(base: Store) {
    this.#base = base;
  }

  /** @throws when the folder cannot be opened, or another process holds it. */
  static async open(options: DynamoStoreOptions): Promise<DynamoStore> {
    const base = dynalite.create({
      ...(options.path === undefined ? {} : { path: options.path }),
      createTableMs: 0,
      deleteTableMs: 0,
    });
    base.tableDb.awsAccountId = options.accountId;
    base.tableDb.awsRegion = options.region;
    await base.db.open().catch((error: Error & { cause?: { code?: unknown } }) => {
      if (error.cause?.code !== 'LEVEL_LOCKED') throw error;
      throw new Error(`${options.path} is in use by another process`, { cause: error.cause });
    });
    const store = new DynamoStore(base);
    await store.#finishTableChanges();
    return store;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#base.lifecycleManager.gracefulClose(error => (error ? reject(error) : resolve()));
    });
  }

  /** Types and values checked as AWS does, in AWS's words. @throws {AwsError} */
  validate(validation: Validation, input: object): Record<string, unknown> {
    const unknown = Object.keys(input).find(name => !Object.hasOwn(validation.types, name));
    if (unknown !== undefined) {
      throw new AwsError('ValidationException', `${unknown} is not something that this stand-in does.`);
    }
    try {
      const data = validations.checkTypes(structuredClone(input), validation.types);
      validations.checkValidations(data, validation.types, validation.custom, this.#base);
      return data;
    } catch (error) {
      throw toAwsError(error as Error);
    }
  }

  /** @throws {AwsError} ResourceNotFoundException. */
  async table(name: string): Promise<Table> {
    return new Promise<Table>((resolve, reject) => {
      this.#base.getTable(name, true, (error, table) =>
        error ? reject(toAwsError(error)) : resolve(table!),
      );
    });
  }

  /** Every table that exists. */
  async tables(): Promise<readonly Table[]> {
    return (await this.range('table~')).map(([, table]) => table as Table);
  }

  /** What an item's lock is called; nothing where the key does not fit the table, which the action then refuses. */
  lockName(table: Table, keyOrItem: Item): string | undefined {
    const names = table.KeySchema.map(({ AttributeName }) => AttributeName);
    const key = Object.fromEntries(
      names.filter(name => name in keyOrItem).map(name => [name, keyOrItem[name]!]),
    );
    if (dynalite.validateKey(key, table)) return undefined;
    return `${table.TableName}~${dynalite.createKey(key, table)}`;
  }

  /** Reads of one moment. */
  async read<T>(work: (view: View) => Promise<T>): Promise<T> {
    return this.#gate.share(() => this.#view(work));
  }

  /** Runs `work` alone on its locks; what it wrote is on disk when this resolves, and nothing of it if it throws. */
  async write<T>(locks: readonly (string | undefined)[], work: (view: View) => Promise<T>): Promise<T> {
    const names = locks.filter(name => name !== undefined);
    return this.#gate.share(() =>
      this.#locks.hold(names, () =>
        this.#view(async view => {
          const result = await work(view);
          await this.#commit(view.writes);
          return result;
        }),
      ),
    );
  }

  /** A change of a table: nothing else runs meanwhile, and it is complete and on disk when this resolves. */
  async changeTable(action: Action, data: { readonly TableName?: unknown }): Promise<object> {
    return this.#gate.alone(async () => {
      const answer = await new Promise<object>((resolve, reject) => {
        action(this.#base, data, (error, value) =>
          error ? reject(toAwsError(error)) : resolve(structuredClone(value ?? {})),
        );
      });
      const key = `table~${String(data.TableName)}`;
      for (;;) {
        const table = (await this.#get(key)) as Table | undefined;
        if (table === undefined || table.TableStatus === 'ACTIVE') break;
        await new Promise(resolve => setTimeout(resolve, 1));
      }
      // dynalite's own writes are not synced; a synced write after them takes them along, as one log holds all.
      await this.#commit([{ type: 'put', key: 'sallyport~synced', value: 1 }]);
      return answer;
    });
  }

  /** Entries whose key begins so, in order. Keys of dynalite begin with `table~`, `item-NAME~`, `index-`, `tag-`. */
  async range(prefix: string): Promise<[string, unknown][]> {
    return this.#base.db.iterator({ gte: prefix, lt: `${prefix}\uffff` }).all();
  }

  /** dynalite replaces `get` and `batch` by forms without options; the prototype has them. */
  get #level(): Level {
    return Object.getPrototypeOf(this.#base.db) as Level;
  }

  async #get(key: string, options: object = {}): Promise<unknown> {
    return this.#level.get.call(this.#base.db, key, options);
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    if (writes.length > 0) await this.#level.batch.call(this.#base.db, writes, { sync: true });
  }

  async #view<T>(work: (view: View) => Promise<T>): Promise<T> {
    const snapshot = this.#base.db.snapshot();
    try {
      return await work(new View(this.#base, key => this.#get(key, { snapshot })));
    } finally {
      await snapshot.close();
    }
  }

  /** A process that was killed between dynalite's steps leaves a table on its way: it arrives now. */
  async #finishTableChanges(): Promise<void> {
    for (const table of await this.tables()) {
      if (table.TableStatus === 'DELETING') {
        const name = table.TableName;
        for (const prefix of [
          `item-${name}~`,
          `index-local~${name}~`,
          `index-global~${name}~`,
          `tag-${name}~`,
        ]) {
          await this.#base.db.clear({ gte: prefix, lt: `${prefix}\uffff` });
        }
        await this.#commit([{ type: 'del', key: `table~${name}` }]);
      } else if (table.TableStatus !== 'ACTIVE') {
        table.TableStatus = 'ACTIVE';
        for (const index of table.GlobalSecondaryIndexes ?? []) index.IndexStatus = 'ACTIVE';
        await this.#commit([{ type: 'put', key: `table~${table.TableName}`, value: table }]);
      }
    }
  }
}
