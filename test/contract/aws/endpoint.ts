/**
 * Where the contract is tested: `ENDPOINT` (with AWS_REGION and keys as the SDK reads them) or, without it, the
 * stand-in, started for the test. Run against a second implementation, the same file says whether both agree.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Role } from '#local/aws/roles.ts';
import { startAws } from '#local/aws/server.ts';

export const administrator: Role = {
  name: 'administrator',
  accessKeyId: 'AKIAADMINISTRATOR',
  secretAccessKey: 'secret of the administrator',
  allow: ['*'],
};

export const region = process.env['AWS_REGION'] ?? 'us-east-1';

export interface Endpoint {
  readonly dynamodb: DynamoDBClient;
  readonly secrets: SecretsManagerClient;
  readonly kms: KMSClient;
  stop(): Promise<void>;
}

/** Clients that never try again, so that a test sees the first answer. */
export function clientOptions(
  endpoint: string,
  role: Pick<Role, 'accessKeyId' | 'secretAccessKey'> = administrator,
) {
  return {
    endpoint,
    region,
    maxAttempts: 1,
    credentials: { accessKeyId: role.accessKeyId, secretAccessKey: role.secretAccessKey },
  };
}

export async function openEndpoint(): Promise<Endpoint> {
  const elsewhere = process.env['ENDPOINT'];
  const aws = elsewhere === undefined ? await startAws({ roles: [administrator], region }) : undefined;
  const options =
    aws === undefined ? { endpoint: elsewhere!, region, maxAttempts: 1 } : clientOptions(aws.endpoint);
  const dynamodb = new DynamoDBClient(options);
  const secrets = new SecretsManagerClient(options);
  const kms = new KMSClient(options);
  return {
    dynamodb,
    secrets,
    kms,
    async stop() {
      dynamodb.destroy();
      secrets.destroy();
      kms.destroy();
      await aws?.stop();
    },
  };
}

/** What a refusal is, without its text. */
export async function refusal(call: Promise<unknown>): Promise<{ name: string; status: number | undefined }> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { name, status: $metadata?.httpStatusCode };
  }
  return { name: 'none', status: 200 };
}
