/**
 * DynamoDB: dynalite's validations and actions (AWS's own error texts) in a shell that adds transactions,
 * old items on failed conditions, time to live, and writes that survive a kill.
 *
 * Not here: streams, PartiQL, backups, adding an index later, tags. Asked for, they are refused.
 */
import batchGetItem from 'dynalite/actions/batchGetItem.js';
import batchWriteItem from 'dynalite/actions/batchWriteItem.js';
import createTable from 'dynalite/actions/createTable.js';
import deleteItem from 'dynalite/actions/deleteItem.js';
import deleteTable from 'dynalite/actions/deleteTable.js';
import describeTable from 'dynalite/actions/describeTable.js';
import getItem from 'dynalite/actions/getItem.js';
import listTables from 'dynalite/actions/listTables.js';
import putItem from 'dynalite/actions/putItem.js';
import query from 'dynalite/actions/query.js';
import scan from 'dynalite/actions/scan.js';
import updateItem from 'dynalite/actions/updateItem.js';
import type { Item } from 'dynalite/db/index.js';
import batchGetItemValidation from 'dynalite/validations/batchGetItem.js';
import batchWriteItemValidation from 'dynalite/validations/batchWriteItem.js';
import createTableValidation from 'dynalite/validations/createTable.js';
import deleteItemValidation from 'dynalite/validations/deleteItem.js';
import deleteTableValidation from 'dynalite/validations/deleteTable.js';
import describeTableValidation from 'dynalite/validations/describeTable.js';
import getItemValidation from 'dynalite/validations/getItem.js';
import listTablesValidation from 'dynalite/validations/listTables.js';
import putItemValidation from 'dynalite/validations/putItem.js';
import queryValidation from 'dynalite/validations/query.js';
import scanValidation from 'dynalite/validations/scan.js';
import updateItemValidation from 'dynalite/validations/updateItem.js';
import { DynamoStore, type DynamoStoreOptions, type Validation } from './dynamodb-store.ts';
import {
  forgetTokens,
  readSteps,
  splitReturnOnFailure,
  transactGetItems,
  transactWriteItems,
} from './dynamodb-transactions.ts';
import { describeTimeToLive, forgetTimeToLive, sweepExpired, updateTimeToLive } from './dynamodb-ttl.ts';
import type { Action } from './dynamodb-view.ts';
import { type JsonObject, type JsonOperation, jsonService } from './json-protocol.ts';
import type { Permission } from './roles.ts';
import { AwsError, type AwsService } from './service.ts';

export interface DynamoDb extends AwsService {
  /** Deletes what has expired, and forgets client tokens; never runs by itself. @returns how many items. */
  sweep(): Promise<number>;
}

const on = (action: string, table: unknown): Permission => ({
  action: `dynamodb:${action}`,
  resource: typeof table === 'string' ? table : '',
});

const invalid = (message: string) => new AwsError('ValidationException', message);

/** Batches need the permission of the batch, on every table. */
const onTables = (action: string, input: JsonObject): readonly Permission[] => {
  const tables = Object.keys((input['RequestItems'] ?? {}) as object);
  return tables.length === 0 ? [on(action, '')] : tables.map(table => on(action, table));
};

/** Transactions need the permissions of what they do: `PutItem` to put. */
const onSteps = (input: JsonObject, allowed: Readonly<Record<string, string>>): readonly Permission[] =>
  readSteps(input, Object.keys(allowed)).map(step => on(allowed[step.kind]!, step.input['TableName']));

/** What a condition that fails carries when the request asks for the old item. */
async function withOldItem(error: unknown, oldItem: () => Promise<Item | undefined>): Promise<unknown> {
  if (!(error instanceof AwsError) || !error.code.endsWith('#ConditionalCheckFailedException')) return error;
  const item = await oldItem();
  return item === undefined ? error : new AwsError(error.code, error.message, error.status, { Item: item });
}

function operationsOf(store: DynamoStore, clock: () => number): Readonly<Record<string, JsonOperation>> {
  const reading = (name: string, action: Action, validation: Validation): JsonOperation => ({
    permissions: input => [on(name, input['TableName'] ?? '*')],
    run: input => {
      const data = store.validate(validation, input);
      return store.read(view => view.run(action, data));
    },
  });
  const writing = (name: string, action: Action, validation: Validation): JsonOperation => ({
    permissions: input => [on(name, input['TableName'])],
    run: async input => {
      const { returnOld, rest } = splitReturnOnFailure(input);
      const data = store.validate(validation, rest);
      const table = await store.table(String(data['TableName']));
      const key = (data['Item'] ?? data['Key']) as Item;
      return store.write([store.lockName(table, key)], async view => {
        try {
          return await view.run(action, data);
        } catch (error) {
          throw returnOld ? await withOldItem(error, () => view.item(table, key)) : error;
        }
      });
    },
  });
  const table = (name: string, action: Action, validation: Validation): JsonOperation => ({
    permissions: input => [on(name, input['TableName'])],
    run: input => store.changeTable(action, store.validate(validation, input)),
  });
  const scanning = reading('Scan', scan, scanValidation);
  return {
    CreateTable: table('CreateTable', createTable, createTableValidation),
    DeleteTable: {
      permissions: input => [on('DeleteTable', input['TableName'])],
      run: async input => {
        const data = store.validate(deleteTableValidation, input);
        const answer = await store.changeTable(deleteTable, data);
        await forgetTimeToLive(store, String(data['TableName']));
        return answer;
      },
    },
    DescribeTable: reading('DescribeTable', describeTable, describeTableValidation),
    ListTables: reading('ListTables', listTables, listTablesValidation),
    GetItem: reading('GetItem', getItem, getItemValidation),
    Query: reading('Query', query, queryValidation),
    Scan: {
      ...scanning,
      run: ({ ConsistentRead: consistent, ...input }) => {
        // Every read here is consistent; dynalite does not know the member.
        if (consistent === true && input['IndexName'] !== undefined) {
          throw invalid('Consistent reads are not supported on global secondary indexes');
        }
        return scanning.run(input);
      },
    },
    BatchGetItem: {
      ...reading('BatchGetItem', batchGetItem, batchGetItemValidation),
      permissions: input => onTables('BatchGetItem', input),
    },
    PutItem: writing('PutItem', putItem, putItemValidation),
    UpdateItem: writing('UpdateItem', updateItem, updateItemValidation),
    DeleteItem: writing('DeleteItem', deleteItem, deleteItemValidation),
    BatchWriteItem: {
      permissions: input => onTables('BatchWriteItem', input),
      run: async input => {
        const data = store.validate(batchWriteItemValidation, input);
        const locks: (string | undefined)[] = [];
        for (const [name, requests] of Object.entries(
          data['RequestItems'] as Record<string, WriteRequest[]>,
        )) {
          const target = await store.table(name);
          for (const { PutRequest, DeleteRequest } of requests) {
            locks.push(store.lockName(target, PutRequest?.Item ?? DeleteRequest?.Key ?? {}));
          }
        }
        return store.write(locks, view => view.run(batchWriteItem, data));
      },
    },
    TransactWriteItems: {
      permissions: input =>
        onSteps(input, {
          Put: 'PutItem',
          Update: 'UpdateItem',
          Delete: 'DeleteItem',
          ConditionCheck: 'ConditionCheckItem',
        }),
      run: input => transactWriteItems(store, input, clock()),
    },
    TransactGetItems: {
      permissions: input => onSteps(input, { Get: 'GetItem' }),
      run: input => transactGetItems(store, input),
    },
    DescribeTimeToLive: {
      permissions: input => [on('DescribeTimeToLive', input['TableName'])],
      run: input => describeTimeToLive(store, input),
    },
    UpdateTimeToLive: {
      permissions: input => [on('UpdateTimeToLive', input['TableName'])],
      run: input => updateTimeToLive(store, input),
    },
  };
}

interface WriteRequest {
  readonly PutRequest?: { readonly Item: Item };
  readonly DeleteRequest?: { readonly Key: Item };
}

/** @param options.clock milliseconds since the epoch. @throws when the data folder cannot be opened. */
export async function openDynamoDb(
  options: DynamoStoreOptions & { readonly clock: () => number },
): Promise<DynamoDb> {
  const store = await DynamoStore.open(options);
  const service = jsonService({
    signingName: 'dynamodb',
    version: '1.0',
    targetPrefix: 'DynamoDB_20120810',
    namespace: 'com.amazonaws.dynamodb.v20120810',
    maxBodyBytes: 16 * 1024 * 1024,
    operations: operationsOf(store, options.clock),
    close: () => store.close(),
  });
  return {
    ...service,
    sweep: async () => {
      await forgetTokens(store, options.clock());
      return sweepExpired(store, options.clock());
    },
  };
}
