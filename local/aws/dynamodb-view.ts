/**
 * DynamoDB's store as one operation sees it: reads of one moment, writes collected for one batch. dynalite's
 * actions run on it as if it were their own store.
 */
import dynalite, {
  type Callback,
  type DynaliteError,
  type Item,
  type Store,
  type SubStore,
  type Table,
} from 'dynalite/db/index.js';
import { AwsError } from './service.ts';

export type Action = (store: Store, data: object, callback: Callback<object>) => void;

export interface Write {
  readonly type: 'put' | 'del';
  readonly key: string;
  readonly value?: unknown;
}

const maxItemBytes = 400 * 1024;

/** dynalite counts UTF-16 units; DynamoDB counts bytes of UTF-8. */
function exceedsItemSize(item: Item): boolean {
  const text = JSON.stringify(item);
  if (text.length * 3 <= maxItemBytes) return false;
  const bytes = (_key: string, value: unknown) =>
    typeof value === 'string' ? Buffer.from(value, 'utf8').toString('latin1') : value;
  return dynalite.itemSize(JSON.parse(JSON.stringify(item, bytes)) as Item) > maxItemBytes;
}

/** Errors of dynalite know their answer; others stay what they are. */
export function toAwsError(error: Error): Error {
  const { statusCode, body } = error as DynaliteError;
  if (statusCode === undefined || body === undefined) return error;
  return new AwsError(body.__type, body.message ?? body.Message ?? error.message, statusCode);
}

export class View {
  readonly writes: Write[] = [];
  readonly #base: Store;
  readonly #read: (key: string) => Promise<unknown>;

  constructor(base: Store, read: (key: string) => Promise<unknown>) {
    this.#base = base;
    this.#read = read;
  }

  async get(key: string): Promise<unknown> {
    return this.#read(key);
  }

  put(key: string, value: unknown): void {
    this.writes.push({ type: 'put', key, value });
  }

  delete(key: string): void {
    this.writes.push({ type: 'del', key });
  }

  async item(table: Table, key: Item): Promise<Item | undefined> {
    return (await this.get(`item-${table.TableName}~${dynalite.createKey(key, table)}`)) as Item | undefined;
  }

  /** Runs an action of dynalite on this view. @throws {AwsError} */
  async run(action: Action, data: object): Promise<object> {
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    /** An exception in a callback of dynalite would otherwise be nobody's and end the process. */
    const guarded =
      <T>(callback: Callback<T>): Callback<T> =>
      (error, value) => {
        try {
          callback(error, value);
        } catch (thrown) {
          reject(thrown);
        }
      };
    const sub = (real: SubStore, prefix: string): SubStore => ({
      createValueStream: options => real.createValueStream(options),
      // The locks are held by now, for longer than dynalite would: until the batch is on disk.
      lock: (_key, run) => run(callback => callback),
      get: (key, callback) => {
        void this.#read(prefix + key).then(
          value => guarded(callback)(null, value),
          error => guarded(callback)(error),
        );
      },
      put: (key, value, callback) => {
        if (prefix.startsWith('item-') && exceedsItemSize(value as Item)) {
          callback(new AwsError('ValidationException', 'Item size has exceeded the maximum allowed size'));
          return;
        }
        this.put(prefix + key, value);
        queueMicrotask(() => guarded(callback)(null));
      },
      del: (key, callback) => {
        this.delete(prefix + key);
        queueMicrotask(() => guarded(callback)(null));
      },
    });
    const base = this.#base;
    const view: Store = {
      ...base,
      getItemDb: table => sub(base.getItemDb(table), `item-${table}~`),
      getIndexDb: (type, table, index) =>
        sub(base.getIndexDb(type, table, index), `index-${type.toLowerCase()}~${table}~${index}~`),
      getTable: (name, checkStatus, callback) => {
        const then = typeof checkStatus === 'function' ? checkStatus : callback!;
        base.getTable(name, typeof checkStatus === 'function' ? true : checkStatus, guarded(then));
      },
    };
    try {
      action(view, data, (error, value) => (error ? reject(error) : resolve(value ?? {})));
    } catch (thrown) {
      reject(thrown);
    }
    try {
      return await promise;
    } catch (error) {
      throw toAwsError(error as Error);
    }
  }
}
