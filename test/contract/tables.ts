import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { type TableKey, tableName, tables } from '../../infra/tables.ts';

const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;

/** The deployment's tables, new and empty, in a DynamoDB that lives in this process. */
export async function startTables() {
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new DynamoDBClient({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  for (const key of Object.keys(tables) as TableKey[]) {
    await client.send(
      new CreateTableCommand({
        TableName: tableName('test', key),
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    const wait = { client, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.1 };
    await waitUntilTableExists(wait, { TableName: tableName('test', key) });
  }
  return {
    client,
    table: (key: TableKey) => new DynamoTable(client, tableName('test', key)),
    stop: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
