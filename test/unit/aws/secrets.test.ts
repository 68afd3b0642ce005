import { inspect } from 'node:util';
import { ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { describe, expect, test } from '@jest/globals';
import { postgresSecret } from '#gateway/protocols/postgres/login.ts';
import { SecretValue } from '#lib/aws/secret-value.ts';
import { TargetSecrets } from '#lib/aws/secrets.ts';

const asRds = {
  engine: 'postgres',
  host: 'db.example',
  port: 5432,
  username: 'app',
  password: 'hunter2hunter2',
  dbname: 'shop',
  dbInstanceIdentifier: 'shop-1',
};

/** Secrets Manager that answers with what the test says, and a clock. */
function given(answer: () => unknown) {
  let now = 0;
  let asked = 0;
  const client = {
    send: async () => {
      asked++;
      const value = answer();
      return { SecretString: typeof value === 'string' ? value : JSON.stringify(value) };
    },
  } as unknown as SecretsManagerClient;
  const secrets = new TargetSecrets({ client, now: () => now, keepMs: 1_000 });
  return { secrets, asked: () => asked, advance: (ms: number) => (now += ms) };
}

test('a secret that RDS wrote is read', async () => {
  const secret = await given(() => asRds).secrets.get('shop', postgresSecret);

  expect(secret).toMatchObject({ host: 'db.example', port: 5432, username: 'app', dbname: 'shop' });
  expect(secret.password?.reveal()).toBe('hunter2hunter2');
});

test.each([
  ['a name and a password', { username: 'app', password: 'p' }],
  ['a port in text', { ...asRds, port: '5432' }],
  ['a certificate and its key', { username: 'app', certificate: 'PEM', key: 'PEM' }],
])('a secret may be %s', async (_, value) => {
  await expect(given(() => value).secrets.get('shop', postgresSecret)).resolves.toMatchObject({
    username: 'app',
  });
});

test.each([
  ['no JSON', 'hunter2hunter2'],
  ['no object', ['hunter2hunter2']],
  ['without a user', { password: 'hunter2hunter2' }],
  ['without a password', { username: 'app' }],
  ['with half a key pair', { username: 'app', password: 'hunter2hunter2', certificate: 'PEM' }],
  ['with a password that is no text', { username: 'app', password: { hunter2hunter2: 1 } }],
  ['with a port that cannot be', { ...asRds, port: 65_536 }],
  ['empty', ''],
])('a secret %s is refused, and nothing of it is in the error', async (_, value) => {
  const error: unknown = await given(() => value)
    .secrets.get('shop', postgresSecret)
    .catch((reason: unknown) => reason);

  expect(error).toMatchObject({ code: 'targetUnavailable' });
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2');
});

describe('a secret in memory', () => {
  test('is asked for once by many, and again when it is old', async () => {
    const { secrets, asked, advance } = given(() => asRds);

    await Promise.all(Array.from({ length: 20 }, () => secrets.get('shop', postgresSecret)));
    expect(asked()).toBe(1);

    advance(1_000);
    await secrets.get('shop', postgresSecret);
    expect(asked()).toBe(2);
  });

  test('is forgotten when a target refused it', async () => {
    const { secrets, asked } = given(() => asRds);
    await secrets.get('shop', postgresSecret);

    secrets.forget('shop');
    await secrets.get('shop', postgresSecret);

    expect(asked()).toBe(2);
  });

  test('is not kept when it could not be had', async () => {
    let away = true;
    const { secrets } = given(() => {
      if (away) throw new Error('connect ECONNREFUSED');
      return asRds;
    });
    await expect(secrets.get('shop', postgresSecret)).rejects.toMatchObject({
      code: 'controlPlaneUnavailable',
    });

    away = false;

    await expect(secrets.get('shop', postgresSecret)).resolves.toMatchObject({ username: 'app' });
  });

  test('that does not exist is told apart from a service that is away', async () => {
    const { secrets } = given(() => {
      throw new ResourceNotFoundException({ message: 'no', $metadata: {} });
    });

    await expect(secrets.get('shop', postgresSecret)).rejects.toMatchObject({ code: 'targetUnavailable' });
  });
});

test('a secret value shows itself to nobody who does not ask by name', () => {
  const value = new SecretValue('hunter2');
  const held = { deep: [value], map: new Map([['a', value]]) };

  for (const shown of [
    String(value),
    `${value}`,
    JSON.stringify(held),
    inspect(held, { depth: 20, showHidden: true, getters: true }),
    inspect(value, { customInspect: false, showHidden: true }),
    Object.entries(value).join(),
    JSON.stringify(structuredClone({ ...value })),
  ]) {
    expect(shown).not.toContain('hunter2');
  }
  expect(value.reveal()).toBe('hunter2');
});
