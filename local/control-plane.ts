/** The control plane of the embedded stack: the functions and tables of a deployment, over the AWS stand-ins. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient, ResourceInUseException } from '@aws-sdk/client-dynamodb';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { routes } from '../infra/routes.ts';
import { type TableKey, tableName, tables } from '../infra/tables.ts';
import { deployment, type RoleName } from './access-keys.ts';
import type { Role } from './aws/roles.ts';
import { type Aws, startAws } from './aws/server.ts';
import type { DataFolder } from './data-folder.ts';
import { rotateLog } from './files.ts';
import { audience, type IdentityProvider, signInClient, signInScope } from './identity-provider.ts';
import type { Ports } from './stack-ports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
export const region = 'us-east-1';

export interface ControlPlaneParts {
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly roles: Readonly<Record<RoleName, Role>>;
  readonly identity: IdentityProvider;
}

/** The running functions, tables and secrets; the client has the operator's rights. */
export interface LocalControlPlane {
  readonly aws: Aws;
  readonly dynamo: DynamoDBClient;
  /** Puts the secret of a target: what `secret:` in targets.yaml names. */
  putSecret(name: string, value: Readonly<Record<string, unknown>>): Promise<void>;
  stop(): Promise<void>;
}

export async function startControlPlane(parts: ControlPlaneParts): Promise<LocalControlPlane> {
  const logFile = join(parts.folder.path('logs'), 'functions.log');
  await rotateLog(logFile);
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  // What functions print is worth less than that they run.
  log.on('error', () => {});
  const aws = await startStandIns(parts, (name, text) => log.write(`${name}: ${text.trimEnd()}\n`));
  const { accessKeyId, secretAccessKey } = parts.roles.operator;
  const settings = { endpoint: aws.endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  const dynamo = new DynamoDBClient(settings);
  const secrets = new SecretsManagerClient(settings);
  const stop = async () => {
    dynamo.destroy();
    secrets.destroy();
    await aws.stop();
    log.end();
  };
  try {
    await makeTables(dynamo);
  } catch (error) {
    await stop();
    throw error;
  }
  const putSecret = (name: string, value: Readonly<Record<string, unknown>>) =>
    storeSecret(secrets, name, JSON.stringify(value));
  return { aws, dynamo, putSecret, stop };
}

const tableKeys = Object.keys(tables) as TableKey[];

function startStandIns(
  { folder, ports, roles, identity }: ControlPlaneParts,
  onFunctionOutput: (functionName: string, text: string) => void,
): Promise<Aws> {
  const env = {
    ...Object.fromEntries(tableKeys.map(key => [tables[key].environment, tableName(deployment, key)])),
    SALLYPORT_OIDC_ISSUER: identity.issuer,
    SALLYPORT_OIDC_AUDIENCE: audience,
    SALLYPORT_OIDC_JWKS_URI: identity.jwksUri,
    SALLYPORT_OIDC_CLIENT_ID: signInClient,
    SALLYPORT_OIDC_SCOPE: signInScope,
  };
  const names = [...new Set(routes.map(route => route.function))];
  const role: RoleName = 'functions';
  return startAws({
    dataDir: folder.path('aws'),
    port: ports.aws,
    apiPort: ports.control,
    region,
    roles: Object.values(roles),
    functions: names.map(name => ({
      name,
      source: join(root, 'functions', name, 'handler.ts'),
      role,
      env,
    })),
    routes,
    onFunctionOutput,
    jwt: { issuer: identity.issuer, audience: [audience], jwksUri: identity.jwksUri },
  });
}

async function makeTables(client: DynamoDBClient): Promise<void> {
  for (const key of tableKeys) {
    const { partitionKey, sortKey } = tables[key];
    const command = new CreateTableCommand({
      TableName: tableName(deployment, key),
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: partitionKey, KeyType: 'HASH' },
        { AttributeName: sortKey, KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: partitionKey, AttributeType: 'S' },
        { AttributeName: sortKey, AttributeType: 'S' },
      ],
    });
    await client.send(command).catch((error: unknown) => {
      if (!(error instanceof ResourceInUseException)) throw error;
    });
  }
}

async function storeSecret(client: SecretsManagerClient, name: string, text: string): Promise<void> {
  try {
    await client.send(new CreateSecretCommand({ Name: name, SecretString: text }));
  } catch (error) {
    if (!(error instanceof ResourceExistsException)) throw error;
    await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: text }));
  }
}
