/** Who may do what at the AWS stand-ins: the same roles as a deployment has, with keys of their own. */
import { join } from 'node:path';
import { z } from 'zod';
import { keyAlias, type SigningKeyName } from '../infra/signing-keys.ts';
import { tableName } from '../infra/tables.ts';
import type { Role } from './aws/roles.ts';
import { newSecret, readOrMake } from './files.ts';

/** Names of tables begin with it. */
export const deployment = 'sallyport';

const reading = ['GetItem', 'Query', 'ConditionCheckItem'];
const writing = [...reading, 'PutItem', 'UpdateItem', 'DeleteItem'];
const on = (table: Parameters<typeof tableName>[1], actions: readonly string[]) =>
  actions.map(action => `dynamodb:${action} ${tableName(deployment, table)}`);

const signing = (key: SigningKeyName) =>
  ['GetPublicKey', 'Sign'].map(action => `kms:${action} ${keyAlias(deployment, key)}`);

/** Least privilege: a call that a role does not make in production is refused here as well. */
const permissions = {
  'gateway-task': [
    ...on('sessions', writing),
    'secretsmanager:GetSecretValue sallyport/targets/*',
    ...signing('sshUsers'),
    'execute-api:Invoke POST/v1/lookup',
    'execute-api:Invoke POST/v1/tickets/redeem',
    'execute-api:Invoke POST/v1/logins',
    'execute-api:Invoke POST/v1/logins/*',
    'execute-api:Invoke POST/v1/keys',
    'execute-api:Invoke POST/v1/keys/lookup',
  ],
  functions: [...on('policy', reading), ...on('access', writing), ...on('sessions', writing)],
  /** Whoever runs the stack, through the ready file. */
  operator: ['*'],
} as const satisfies Record<string, readonly string[]>;

export type RoleName = keyof typeof permissions;

const keysSchema = z.record(z.string(), z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }));

/** The roles with their keys, which are made at the first start and kept in `folder`. */
export async function loadRoles(folder: string): Promise<Readonly<Record<RoleName, Role>>> {
  const names = Object.keys(permissions) as RoleName[];
  const text = await readOrMake(join(folder, 'access-keys.json'), () =>
    JSON.stringify(
      Object.fromEntries(
        names.map(name => [name, { accessKeyId: makeKeyId(), secretAccessKey: newSecret(30) }]),
      ),
    ),
  );
  const keys = keysSchema.parse(JSON.parse(text));
  const role = (name: RoleName): Role => ({ name, ...keys[name]!, allow: permissions[name] });
  return { 'gateway-task': role('gateway-task'), functions: role('functions'), operator: role('operator') };
}

/** Of AWS's form (20 capitals and digits), and plainly not AWS's. */
function makeKeyId(): string {
  const letters = newSecret(24)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, 'X');
  return `LOCAL${letters.slice(0, 15)}`;
}
