/**
 * TransactWriteItems and TransactGetItems.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 *
 * A transaction waits for the items that another write holds, where AWS would answer TransactionConflict:
 * tests inject that answer.
 */
import { createHash } from 'node:crypto';
import deleteItem from 'dynalite/actions/deleteItem.js';
import getItem from 'dynalite/actions/getItem.js';
import putItem from 'dynalite/actions/putItem.js';
import updateItem from 'dynalite/actions/updateItem.js';
import dynalite, { type Callback, type Item, type Store, type Table } from 'dynalite/db/index.js';
import deleteValidation from 'dynalite/validations/deleteItem.js';
import getValidation from 'dynalite/validations/getItem.js';
import putValidation from 'dynalite/validations/putItem.js';
import updateValidation from 'dynalite/validations/updateItem.js';
import type { DynamoStore, Validation } from './dynamodb-store.ts';
import type { Action, View } from './dynamodb-view.ts';
import type { JsonObject } from './json-protocol.ts';
import { AwsError } from './service.ts';

const maxItems = 100;
const maxBytes = 4 * 1024 * 1024;
const tokenLifeMs = 10 * 60_000;

/** A ConditionCheck is a delete that deletes nothing. */
function checkItem(store: Store, data: object, callback: Callback<object>): void {
  const { TableName, Key } = data as { TableName: string; Key: Item };
  store.getTable(TableName, true, (failed, table) => {
    if (failed) return callback(failed);
    const invalid = dynalite.validateKey(Key, table!);
    if (invalid) return callback(invalid);
    store.getItemDb(TableName).get(dynalite.createKey(Key, table!), (error, item) => {
      if (error) return callback(error);
      callback(dynalite.checkConditional(data, item as Item | undefined) ?? null, {});
    });
  });
}

const kinds: Readonly<Record<string, { action: Action; validation: Validation; requires?: string }>> = {
  Put: { action: putItem, validation: putValidation },
  Update: { action: updateItem, validation: updateValidation, requires: 'UpdateExpression' },
  Delete: { action: deleteItem, validation: deleteValidation },
  ConditionCheck: { action: checkItem, validation: deleteValidation, requires: 'ConditionExpression' },
};

export interface Step {
  readonly kind: string;
  readonly input: JsonObject;
}

const invalid = (message: string) => new AwsError('ValidationException', message);
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The list of a transaction, each entry with its one member. @throws {AwsError} ValidationException. */
export function readSteps(input: JsonObject, allowed: readonly string[]): readonly Step[] {
  const list = input['TransactItems'];
  if (!Array.isArray(list) || list.length < 1 || list.length > maxItems) {
    throw invalid(
      `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${maxItems}`,
    );
  }
  if (input['ReturnConsumedCapacity'] !== undefined && input['ReturnConsumedCapacity'] !== 'NONE') {
    throw invalid('ReturnConsumedCapacity is not something that this stand-in does in transactions.');
  }
  return list.map(entry => {
    const members = isObject(entry) ? Object.entries(entry).filter(([, value]) => value != null) : [];
    const [kind, operation] = members[0] ?? [];
    if (members.length !== 1 || kind === undefined || !allowed.includes(kind) || !isObject(operation)) {
      throw invalid(`TransactItems can only contain one of ${allowed.join(', ')}`);
    }
    return { kind, input: operation };
  });
}

/** Takes out what dynalite does not know. @throws {AwsError} ValidationException. */
export function splitReturnOnFailure(input: JsonObject): {
  readonly returnOld: boolean;
  readonly rest: JsonObject;
} {
  const { ReturnValuesOnConditionCheckFailure: wanted, ...rest } = input;
  if (wanted != null && wanted !== 'NONE' && wanted !== 'ALL_OLD') {
    throw invalid(
      `1 validation error detected: Value '${String(wanted)}' at 'returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, NONE]`,
    );
  }
  return { returnOld: wanted === 'ALL_OLD', rest };
}

interface Prepared {
  readonly action: Action;
  readonly data: Record<string, unknown>;
  readonly table: Table;
  readonly key: Item;
  readonly lock: string | undefined;
  readonly returnOld: boolean;
}

async function prepare(store: DynamoStore, { kind, input }: Step): Promise<Prepared> {
  const { action, validation, requires } = kinds[kind]!;
  const { returnOld, rest } = splitReturnOnFailure(input);
  if (requires !== undefined && typeof rest[requires] !== 'string') {
    throw invalid(`The ${requires} is required in ${kind}`);
  }
  if (rest['ReturnValues'] !== undefined) throw invalid('ReturnValues is not a member of a transaction.');
  const data = store.validate(validation, rest);
  const table = await store.table(String(data['TableName']));
  const key = (data['Item'] ?? data['Key']) as Item;
  return { action, data, table, key, lock: store.lockName(table, key), returnOld };
}

const nameOf = (error: AwsError) => error.code.slice(error.code.indexOf('#') + 1);

/** Why one item cancels the transaction. @throws what is no fault of the item. */
async function reasonFor(error: unknown, view: View, step: Prepared): Promise<object> {
  if (!(error instanceof AwsError)) throw error;
  switch (nameOf(error)) {
    case 'ConditionalCheckFailedException': {
      const item = step.returnOld ? await view.item(step.table, step.key) : undefined;
      return {
        Code: 'ConditionalCheckFailed',
        Message: error.message,
        ...(item === undefined ? {} : { Item: item }),
      };
    }
    case 'ValidationException':
      return { Code: 'ValidationError', Message: error.message };
    default:
      throw error;
  }
}

async function apply(view: View, steps: readonly Prepared[]): Promise<void> {
  const reasons: object[] = [];
  let cancelled = false;
  for (const step of steps) {
    try {
      await view.run(step.action, step.data);
      reasons.push({ Code: 'None' });
    } catch (error) {
      cancelled = true;
      reasons.push(await reasonFor(error, view, step));
    }
  }
  if (!cancelled) return;
  const codes = reasons.map(reason => (reason as { Code: string }).Code).join(', ');
  throw new AwsError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    400,
    { CancellationReasons: reasons },
  );
}

/** @param now milliseconds since the epoch; a client token counts for ten minutes. */
export async function transactWriteItems(
  store: DynamoStore,
  input: JsonObject,
  now: number,
): Promise<object> {
  const items = readSteps(input, Object.keys(kinds));
  const text = JSON.stringify(items);
  if (Buffer.byteLength(text) > maxBytes) throw invalid('Transaction request size exceeds 4 MB');
  const steps = await Promise.all(items.map(item => prepare(store, item)));
  const locks = steps.map(({ lock }) => lock).filter(lock => lock !== undefined);
  if (new Set(locks).size !== locks.length) {
    throw invalid('Transaction request cannot include multiple operations on one item');
  }
  const token = input['ClientRequestToken'];
  if (token === undefined) {
    await store.write(locks, view => apply(view, steps));
    return {};
  }
  if (typeof token !== 'string' || token.length < 1 || token.length > 36) {
    throw invalid(
      "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length between 1 and 36",
    );
  }
  const tokenKey = `sallyport~token~${token}`;
  const digest = createHash('sha256').update(text).digest('hex');
  await store.write([...locks, tokenKey], async view => {
    const seen = (await view.get(tokenKey)) as { digest: string; expiresAt: number } | undefined;
    if (seen !== undefined && seen.expiresAt > now) {
      if (seen.digest === digest) return;
      throw new AwsError(
        'IdempotentParameterMismatchException',
        'The ClientRequestToken was used with other parameters.',
      );
    }
    await apply(view, steps);
    view.put(tokenKey, { digest, expiresAt: now + tokenLifeMs });
  });
  return {};
}

/** Forgets client tokens that no longer count. */
export async function forgetTokens(store: DynamoStore, now: number): Promise<void> {
  for (const [key, value] of await store.range('sallyport~token~')) {
    if ((value as { expiresAt: number }).expiresAt <= now) {
      await store.write([key], async view => view.delete(key));
    }
  }
}

export async function transactGetItems(store: DynamoStore, input: JsonObject): Promise<object> {
  const reads = readSteps(input, ['Get']).map(step => store.validate(getValidation, step.input));
  const Responses = await store.read(async view => {
    const found: object[] = [];
    for (const data of reads) {
      const { Item: item } = (await view.run(getItem, data)) as { Item?: Item };
      found.push(item === undefined ? {} : { Item: item });
    }
    return found;
  });
  return { Responses };
}
