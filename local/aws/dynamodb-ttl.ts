/**
 * Time to live. Items expire when somebody calls the sweep; AWS takes up to days for it, so a reader that
 * trusts the sweep is wrong, and tests leave it off.
 */
import deleteItem from 'dynalite/actions/deleteItem.js';
import type { Item, Table } from 'dynalite/db/index.js';
import type { DynamoStore } from './dynamodb-store.ts';
import type { JsonObject } from './json-protocol.ts';
import { AwsError } from './service.ts';

/** AWS leaves items alone whose time is further back: probably not a time at all. */
const oldestSeconds = 5 * 365 * 86_400;

const keyOf = (table: string) => `sallyport~ttl~${table}`;

/** The attribute that holds an item's end, where time to live is on. */
async function attributeOf(store: DynamoStore, table: string): Promise<string | undefined> {
  return store.read(async view => (await view.get(keyOf(table))) as string | undefined);
}

export async function describeTimeToLive(store: DynamoStore, input: JsonObject): Promise<object> {
  const { TableName } = await store.table(String(input['TableName']));
  const attribute = await attributeOf(store, TableName);
  return {
    TimeToLiveDescription:
      attribute === undefined
        ? { TimeToLiveStatus: 'DISABLED' }
        : { TimeToLiveStatus: 'ENABLED', AttributeName: attribute },
  };
}

export async function updateTimeToLive(store: DynamoStore, input: JsonObject): Promise<object> {
  const { TableName } = await store.table(String(input['TableName']));
  const { AttributeName: attribute, Enabled: enabled } = (input['TimeToLiveSpecification'] ??
    {}) as JsonObject;
  if (
    typeof attribute !== 'string' ||
    attribute === '' ||
    attribute.length > 255 ||
    typeof enabled !== 'boolean'
  ) {
    throw new AwsError('ValidationException', 'TimeToLiveSpecification needs AttributeName and Enabled');
  }
  await store.write([keyOf(TableName)], async view => {
    const current = await view.get(keyOf(TableName));
    if (enabled && current !== undefined)
      throw new AwsError('ValidationException', 'TimeToLive is already enabled');
    if (!enabled && current === undefined)
      throw new AwsError('ValidationException', 'TimeToLive is already disabled');
    if (!enabled && current !== attribute) {
      throw new AwsError(
        'ValidationException',
        `TimeToLive is active on a different AttributeName: current AttributeName is ${String(current)}`,
      );
    }
    if (enabled) view.put(keyOf(TableName), attribute);
    else view.delete(keyOf(TableName));
  });
  return { TimeToLiveSpecification: { AttributeName: attribute, Enabled: enabled } };
}

/** A new table of an old name starts without time to live. */
export async function forgetTimeToLive(store: DynamoStore, table: string): Promise<void> {
  await store.write([keyOf(table)], async view => view.delete(keyOf(table)));
}

function isExpired(item: Item | undefined, attribute: string, nowSeconds: number): boolean {
  const value = item?.[attribute]?.['N'];
  if (typeof value !== 'string') return false;
  const end = Number(value);
  return end < nowSeconds && end > nowSeconds - oldestSeconds;
}

async function sweepTable(
  store: DynamoStore,
  table: Table,
  attribute: string,
  nowSeconds: number,
): Promise<number> {
  let deleted = 0;
  for (const [, value] of await store.range(`item-${table.TableName}~`)) {
    if (!isExpired(value as Item, attribute, nowSeconds)) continue;
    const Key = Object.fromEntries(
      table.KeySchema.map(({ AttributeName }) => [AttributeName, (value as Item)[AttributeName]!]),
    );
    await store.write([store.lockName(table, Key)], async view => {
      // It may have been renewed since the range was read.
      if (!isExpired(await view.item(table, Key), attribute, nowSeconds)) return;
      await view.run(deleteItem, { TableName: table.TableName, Key });
      deleted += 1;
    });
  }
  return deleted;
}

/** @param now milliseconds since the epoch. @returns how many items it deleted. */
export async function sweepExpired(store: DynamoStore, now: number): Promise<number> {
  let deleted = 0;
  for (const table of await store.tables()) {
    const attribute = await attributeOf(store, table.TableName);
    if (attribute !== undefined) deleted += await sweepTable(store, table, attribute, Math.floor(now / 1000));
  }
  return deleted;
}
