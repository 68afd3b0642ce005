import { z } from 'zod';
import { AccessStore } from '#lib/aws/access-store.ts';
import { DynamoTable, makeDynamoClient } from '#lib/aws/dynamodb.ts';
import { KeyStore } from '#lib/aws/key-store.ts';
import { LiveSessions } from '#lib/aws/live-sessions.ts';
import { LoginStore } from '#lib/aws/login-store.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';

const environment = z.object({
  SALLYPORT_TABLE_POLICY: z.string().min(1),
  SALLYPORT_TABLE_SESSIONS: z.string().min(1),
  SALLYPORT_TABLE_ACCESS: z.string().min(1),
});

/** The tables that the environment names. Throws with every mistake at once: the function then never starts. */
export function storesOf(env: Readonly<Record<string, string | undefined>>) {
  const { data, error } = environment.safeParse(env);
  if (error) throw new Error(`The function's environment is not complete:\n${z.prettifyError(error)}`);
  const client = makeDynamoClient();
  const access = new DynamoTable(client, data.SALLYPORT_TABLE_ACCESS);
  return {
    policy: new PolicyStore({ table: new DynamoTable(client, data.SALLYPORT_TABLE_POLICY) }),
    sessions: new LiveSessions({ table: new DynamoTable(client, data.SALLYPORT_TABLE_SESSIONS) }),
    access: new AccessStore({ table: access }),
    logins: new LoginStore({ table: access }),
    keys: new KeyStore({ table: access }),
  };
}
