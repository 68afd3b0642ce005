import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '#cli/call.ts';
import { keyRevokedSchema, keysAnswerSchema } from '#lib/aws/control-api.ts';
import { ControlPlane } from '#lib/aws/control-plane.ts';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { SshWriter } from '#lib/ssh/data-types.ts';
import { fingerprintInPath, fingerprintOf } from '#lib/ssh/fingerprint.ts';
import { type Aws, startAws } from '#local/aws/server.ts';
import {
  audience,
  type IdentityProvider,
  signInClient,
  signInScope,
  startIdentityProvider,
} from '#local/identity-provider.ts';
import { routes } from '../../infra/routes.ts';
import { type TableKey, tableName, tables } from '../../infra/tables.ts';
import { endSession, refuseDevice, signInByDevice } from '../support/device-sign-in.ts';

/** The functions as they are deployed, the sample policy, and the development identity provider. */
const administrator = { name: 'admin', accessKeyId: 'AKIAADMIN', secretAccessKey: 'admin', allow: ['*'] };
const gateway = {
  name: 'gateway',
  accessKeyId: 'AKIAGATEWAY',
  secretAccessKey: 'gateway',
  allow: ['logins', 'logins/*', 'keys', 'keys/lookup'].map(path => `execute-api:Invoke POST/v1/${path}`),
};
const root = fileURLToPath(new URL('../../', import.meta.url));
const from = '192.0.2.44';

let folder: string;
let identity: IdentityProvider;
let aws: Aws;
let client: DynamoDBClient;
let control: ControlPlane;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-keys-'));
  identity = await startIdentityProvider({ folder, port: 0 });
  aws = await startAws({
    roles: [administrator, gateway],
    functions: ['logins', 'keys'].map(name => ({
      name,
      source: `${root}functions/${name}/handler.ts`,
      role: 'admin',
      env: {
        ...Object.fromEntries(
          (Object.keys(tables) as TableKey[]).map(key => [tables[key].environment, tableName('test', key)]),
        ),
        SALLYPORT_OIDC_ISSUER: identity.issuer,
        SALLYPORT_OIDC_AUDIENCE: audience,
        SALLYPORT_OIDC_JWKS_URI: identity.jwksUri,
        SALLYPORT_OIDC_CLIENT_ID: signInClient,
        SALLYPORT_OIDC_SCOPE: signInScope,
        // The provider is asked at each look-up, so that nothing has to be waited for.
        SALLYPORT_KEY_CHECK_SECONDS: '0',
      },
    })),
    routes: routes.filter(route => ['logins', 'keys'].includes(route.function)),
    jwt: { issuer: identity.issuer, audience: [audience], jwksUri: identity.jwksUri },
  });
  client = new DynamoDBClient({ endpoint: aws.endpoint, region: aws.region, credentials: administrator });
  for (const key of Object.keys(tables) as TableKey[]) {
    await client.send(
      new CreateTableCommand({
        TableName: tableName('test', key),
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  }
  const { snapshot } = loadConfig(join(root, 'config'));
  if (snapshot === undefined) throw new Error('the sample configuration does not hold');
  const policies = new DynamoTable(client, tableName('test', 'policy'));
  await new PolicyStore({ table: policies }).publish(snapshot, { publishedBy: 'test' });
  control = asRole(gateway);
}, 60_000);

afterAll(async () => {
  client?.destroy();
  await aws?.stop();
  await identity?.stop();
  await rm(folder, { recursive: true });
});

function asRole(credentials: { accessKeyId: string; secretAccessKey: string }): ControlPlane {
  return new ControlPlane({ url: aws.apiUrl, region: aws.region, credentials, signInDeadlineMs: 20_000 });
}

/** An Ed25519 public key as it stands in a .pub file (RFC 8709 section 4), its fingerprint hard on paths. */
function newKey(): { readonly publicKey: string; readonly fingerprint: string } {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const blob = new SshWriter().string('ssh-ed25519').string(Buffer.from(x, 'base64url')).done();
  const fingerprint = fingerprintOf(blob);
  const isHard = fingerprint.includes('/') && fingerprint.includes('+');
  return isHard ? { publicKey: blob.toString('base64'), fingerprint } : newKey();
}

/** A sign-in that is done. */
async function signedIn(person: string) {
  const login = await control.beginLogin(from);
  const pages = await signInByDevice(login.verificationUriComplete, person, identity.passcode);
  expect(pages.last.text).toContain('You are signed in');
  expect(await control.pollLogin(login.id)).toMatchObject({ state: 'done' });
  return { login, ...pages };
}

async function bound(person: string) {
  const { login, browser } = await signedIn(person);
  const key = newKey();
  await control.bindKey({ loginId: login.id, publicKey: key.publicKey });
  return { ...key, browser };
}

const as = async (person: Parameters<IdentityProvider['tokenFor']>[0]) => ({
  url: new URL(aws.apiUrl),
  token: await identity.tokenFor(person),
});
const listed = async (person: Parameters<typeof as>[0]) => {
  const request = { method: 'GET', path: '/v1/keys', answer: keysAnswerSchema } as const;
  return (await call(await as(person), { fetch }, request)).keys;
};
const revoke = async (person: Parameters<typeof as>[0], fingerprint: string) =>
  call(
    await as(person),
    { fetch },
    { method: 'DELETE', path: `/v1/keys/${fingerprintInPath(fingerprint)}`, answer: keyRevokedSchema },
  );

describe('a sign-in in a browser', () => {
  test('tells the gateway who it is, once', async () => {
    const login = await control.beginLogin(from);
    expect(await control.pollLogin(login.id)).toMatchObject({ state: 'pending' });
    const { code } = await signInByDevice(login.verificationUriComplete, 'dba', identity.passcode);

    expect(code.text).toContain(login.userCode);
    // The provider may be asked again only now.
    await new Promise(resolve => setTimeout(resolve, login.intervalMs));
    expect(await control.pollLogin(login.id)).toMatchObject({
      state: 'done',
      principal: { issuer: identity.issuer, subject: 'dba', groups: ['dbas'], kind: 'human' },
    });
    await expect(control.pollLogin(login.id)).rejects.toMatchObject({ code: 'unauthenticated' });
  }, 40_000);

  test('that the person refuses is denied, and then over', async () => {
    const login = await control.beginLogin(from);

    await refuseDevice(login.verificationUriComplete);

    expect(await control.pollLogin(login.id)).toEqual({ state: 'denied' });
    await expect(control.pollLogin(login.id)).rejects.toMatchObject({ code: 'unauthenticated' });
  }, 30_000);

  test('for this once binds no key', async () => {
    const login = await control.beginLogin(from, 'session');
    await signInByDevice(login.verificationUriComplete, 'dev', identity.passcode);
    expect(await control.pollLogin(login.id)).toMatchObject({ state: 'done' });

    const binding = control.bindKey({ loginId: login.id, publicKey: newKey().publicKey });

    await expect(binding).rejects.toMatchObject({ code: 'forbidden' });
  }, 30_000);

  test('is nothing to whoever has its id and no signature that may ask', async () => {
    const { login } = await signedIn('dev');
    const { publicKey, fingerprint } = newKey();
    const asks = [
      [`/v1/logins/${login.id}`, {}],
      ['/v1/logins', { from }],
      ['/v1/keys', { loginId: login.id, publicKey }],
      ['/v1/keys/lookup', { fingerprint }],
    ] as const;

    for (const [path, body] of asks) {
      const { status } = await fetch(aws.apiUrl + path, { method: 'POST', body: JSON.stringify(body) });
      expect([path, status]).toEqual([path, 403]);
    }
    const stranger = asRole({ accessKeyId: gateway.accessKeyId, secretAccessKey: 'wrong' });
    await expect(stranger.pollLogin(login.id)).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
    await expect(control.bindKey({ loginId: login.id, publicKey })).resolves.toMatchObject({ fingerprint });
  }, 30_000);
});

describe('a bound key', () => {
  test('stands for its owner until the session at the provider ends', async () => {
    const { fingerprint, browser } = await bound('dev');

    // Each look-up uses the refresh token, and gets a new one.
    for (let use = 0; use < 3; use++) {
      expect(await control.principalOfKey(fingerprint, from)).toMatchObject({
        subject: 'dev',
        groups: ['developers'],
      });
    }
    await endSession(browser, identity.issuer);

    expect(await control.principalOfKey(fingerprint, from)).toBeUndefined();
    expect(await listed('dev')).not.toContainEqual(expect.objectContaining({ fingerprint }));
  }, 30_000);

  test('is found by any number of gateways at once', async () => {
    const { fingerprint } = await bound('dev');

    const found = await Promise.all(
      Array.from({ length: 6 }, () => control.principalOfKey(fingerprint, from)),
    );

    expect(found.map(each => each?.subject)).toEqual(Array(6).fill('dev'));
    expect(await control.principalOfKey(fingerprint)).toMatchObject({ subject: 'dev' });
  }, 30_000);

  test('is bound by one sign-in once', async () => {
    const { login } = await signedIn('dev');
    await control.bindKey({ loginId: login.id, publicKey: newKey().publicKey });

    const second = control.bindKey({ loginId: login.id, publicKey: newKey().publicKey });

    await expect(second).rejects.toMatchObject({ code: 'forbidden' });
  }, 30_000);

  test('is not bound for those to whom policy does not permit it', async () => {
    const { login } = await signedIn('auditor');
    const { publicKey, fingerprint } = newKey();

    await expect(control.bindKey({ loginId: login.id, publicKey })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('keys:bind'),
    });
    expect(await control.principalOfKey(fingerprint)).toBeUndefined();
  }, 30_000);

  test('does not become that of another who holds it as well, unless its session has ended', async () => {
    const { fingerprint, publicKey, browser } = await bound('dev');
    const { login } = await signedIn('dba');

    await expect(control.bindKey({ loginId: login.id, publicKey })).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await control.principalOfKey(fingerprint)).toMatchObject({ subject: 'dev' });
    await endSession(browser, identity.issuer);

    const { login: again } = await signedIn('dba');
    await control.bindKey({ loginId: again.id, publicKey });
    expect(await control.principalOfKey(fingerprint)).toMatchObject({ subject: 'dba' });
  }, 40_000);

  test('is listed to its owner and to those who may see all, with where it was used', async () => {
    const { fingerprint } = await bound('dev');
    await control.principalOfKey(fingerprint, '192.0.2.45');

    const mine = (await listed('dev')).find(each => each.fingerprint === fingerprint);

    expect(mine).toMatchObject({
      keyType: 'ssh-ed25519',
      principal: { subject: 'dev', name: 'dev@shop.example' },
      boundFrom: from,
      lastUsedFrom: '192.0.2.45',
    });
    expect(mine!.endsAt - mine!.boundAt).toBe(12 * 3600 * 1000);
    expect(await listed('auditor')).toContainEqual(mine);
    expect(await listed('agent')).toEqual([]);
  }, 30_000);

  test('is revoked by its owner or by those who may, and by nobody else', async () => {
    const keys = [await bound('dba'), await bound('dba')] as const;

    await expect(revoke('dev', keys[0].fingerprint)).rejects.toThrow('You have no such key.');
    await expect(revoke('auditor', keys[0].fingerprint)).rejects.toThrow('You have no such key.');
    expect(await control.principalOfKey(keys[0].fingerprint)).toMatchObject({ subject: 'dba' });
    await revoke('dba', keys[0].fingerprint);
    await revoke('approver', keys[1].fingerprint);

    for (const { fingerprint } of keys) expect(await control.principalOfKey(fingerprint)).toBeUndefined();
    await expect(revoke('dba', keys[0].fingerprint)).rejects.toThrow('You have no such key.');
  }, 40_000);
});

test('a sign-in that nobody began is none', async () => {
  const id = randomBytes(32).toString('base64url');

  await expect(control.pollLogin(id)).rejects.toMatchObject({ code: 'unauthenticated' });
}, 30_000);
