/** The parts of dynalite 4.0.0 that the DynamoDB stand-in uses. The package has no types and no stable API: pinned. */

declare module 'dynalite/db/index.js' {
  import type { AbstractLevel } from 'abstract-level';

  export type AttributeValue = Readonly<Record<string, unknown>>;
  export type Item = Readonly<Record<string, AttributeValue>>;

  /** Errors of dynalite carry the answer: `statusCode` and `body`. */
  export interface DynaliteError extends Error {
    readonly statusCode?: number;
    readonly body?: { readonly __type: string; readonly message?: string; readonly Message?: string };
  }
  export type Callback<T = unknown> = (error: Error | null, value?: T) => void;

  export interface Table {
    TableName: string;
    TableStatus: string;
    readonly KeySchema: readonly { readonly AttributeName: string; readonly KeyType: string }[];
    readonly AttributeDefinitions: readonly {
      readonly AttributeName: string;
      readonly AttributeType: string;
    }[];
    readonly GlobalSecondaryIndexes?: readonly { IndexStatus: string }[];
  }

  export interface SubStore {
    put(key: string, value: unknown, callback: Callback): void;
    get(key: string, callback: Callback): void;
    del(key: string, callback: Callback): void;
    lock(key: string, run: (release: (callback: Callback) => Callback) => void): void;
    createValueStream(options?: object): NodeJS.ReadableStream;
  }

  export interface Store {
    readonly options: { readonly maxItemSize: number };
    readonly db: AbstractLevel<unknown, string, unknown>;
    readonly tableDb: SubStore & { awsAccountId: string; awsRegion: string };
    getItemDb(table: string): SubStore;
    getIndexDb(type: string, table: string, index: string): SubStore;
    getTable(name: string, checkStatus: boolean | Callback<Table>, callback?: Callback<Table>): void;
    readonly lifecycleManager: { gracefulClose(callback: Callback): void };
  }

  const db: {
    create(options: { path?: string; createTableMs: number; deleteTableMs: number }): Store;
    validateKey(key: Item, table: Table): DynaliteError | null | undefined;
    createKey(item: Item, table: Table): string;
    checkConditional(data: object, item: Item | undefined): DynaliteError | null | undefined;
    itemSize(item: Item): number;
  };
  export default db;
}

declare module 'dynalite/validations/index.js' {
  import type { Store } from 'dynalite/db/index.js';

  type Custom = (data: object, store: Store) => string | undefined;
  const validations: {
    checkTypes(data: object, types: object): Record<string, unknown>;
    checkValidations(data: object, types: object, custom: Custom | undefined, store: Store): void;
  };
  export default validations;
}

declare module 'dynalite/validations/*.js' {
  import type { Store } from 'dynalite/db/index.js';

  const validation: {
    readonly types: Readonly<Record<string, unknown>>;
    readonly custom?: (data: object, store: Store) => string | undefined;
  };
  export default validation;
}

declare module 'dynalite/actions/*.js' {
  import type { Callback, Store } from 'dynalite/db/index.js';

  const action: (store: Store, data: object, callback: Callback<object>) => void;
  export default action;
}
