import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { SallyportError } from '#lib/errors.ts';

/** Every table has these two keys, both text. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** An item as it is written. `expiresAt`, in seconds since the epoch, is when DynamoDB may delete it. */
export interface Item extends Key {
  readonly expiresAt?: number;
  readonly [attribute: string]: unknown;
}

/** A condition expression with its `#names` and `:values`. */
export interface Condition {
  readonly expression: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, string | number | boolean>>;
}

/** Nothing is there yet under the item's key. */
export const isNew: Condition = { expression: 'attribute_not_exists(pk)' };

/** A client with deadlines: an answer that takes longer than this is no use to somebody who signs in. */
export function makeDynamoClient(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
  });
}

/**
 * One table, plain values in and out. Reads are consistent: what was acknowledged is seen.
 *
 * Every method throws `SallyportError` `controlPlaneUnavailable` when DynamoDB does not do as asked; a condition
 * that does not hold is an answer, not an error.
 */
export class DynamoTable {
  readonly #client: DynamoDBClient;
  readonly name: string;

  constructor(client: DynamoDBClient, name: string) {
    if (name === '') throw new TypeError('the table must have a name');
    this.#client = client;
    this.name = name;
  }

  async get(key: Key): Promise<Record<string, unknown> | undefined> {
    const input = { TableName: this.name, Key: marshall(key), ConsistentRead: true };
    const { Item } = await this.#ask(() => this.#client.send(new GetItemCommand(input)));
    return Item && unmarshall(Item);
  }

  /** @returns whether the condition held, and so whether the item is written. */
  async put(item: Item, condition?: Condition): Promise<boolean> {
    const Item = marshall(item, { removeUndefinedValues: true });
    const input = { TableName: this.name, Item, ...conditional(condition) };
    return (await this.#attempt(() => this.#client.send(new PutItemCommand(input)))) !== undefined;
  }

  /** @returns the item that was deleted; undefined when there was none or the condition did not hold. */
  async delete(key: Key, condition?: Condition): Promise<Record<string, unknown> | undefined> {
    const input = {
      TableName: this.name,
      Key: marshall(key),
      ReturnValues: 'ALL_OLD' as const,
      ...conditional(condition),
    };
    const answer = await this.#attempt(() => this.#client.send(new DeleteItemCommand(input)));
    return answer?.Attributes && unmarshall(answer.Attributes);
  }

  /** Items of one partition in order of their sort key, page by page as they are taken. */
  async *query(pk: string, sortKeyPrefix = ''): AsyncGenerator<Record<string, unknown>, void, undefined> {
    const byPrefix = sortKeyPrefix !== '';
    const input = {
      TableName: this.name,
      ConsistentRead: true,
      KeyConditionExpression: byPrefix ? 'pk = :pk AND begins_with(sk, :sk)' : 'pk = :pk',
      ExpressionAttributeValues: marshall(byPrefix ? { ':pk': pk, ':sk': sortKeyPrefix } : { ':pk': pk }),
    };
    let from: QueryCommand['input']['ExclusiveStartKey'];
    do {
      const command = new QueryCommand({ ...input, ExclusiveStartKey: from });
      const page = await this.#ask(() => this.#client.send(command));
      for (const item of page.Items ?? []) yield unmarshall(item);
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }

  async #attempt<T>(send: () => Promise<T>): Promise<T | undefined> {
    return this.#ask(async () => {
      try {
        return await send();
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return undefined;
        throw error;
      }
    });
  }

  async #ask<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (cause) {
      throw new SallyportError('controlPlaneUnavailable', `The table ${this.name} does not answer.`, {
        cause,
      });
    }
  }
}

function conditional(condition: Condition | undefined) {
  if (!condition) return {};
  const { expression, names, values } = condition;
  return {
    ConditionExpression: expression,
    ...(names && { ExpressionAttributeNames: { ...names } }),
    ...(values && { ExpressionAttributeValues: marshall(values) }),
  };
}
