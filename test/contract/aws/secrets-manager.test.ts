import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  type CreateSecretCommandInput,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  type GetSecretValueCommandInput,
  ListSecretsCommand,
  PutSecretValueCommand,
  type PutSecretValueCommandInput,
  RestoreSecretCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Endpoint, openEndpoint, refusal } from './endpoint.ts';

let at: Endpoint;
const made: string[] = [];

beforeAll(async () => {
  at = await openEndpoint();
});
afterAll(async () => {
  for (const SecretId of made) {
    await at.secrets.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }));
  }
  await at.stop();
});

const unique = () => `contract/${randomUUID()}`;
async function create(input: CreateSecretCommandInput) {
  const answer = await at.secrets.send(new CreateSecretCommand(input));
  made.push(input.Name!);
  return answer;
}
const get = (input: GetSecretValueCommandInput) => at.secrets.send(new GetSecretValueCommand(input));
const put = (input: PutSecretValueCommandInput) => at.secrets.send(new PutSecretValueCommand(input));
const stagesOf = async (SecretId: string) =>
  (await at.secrets.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages;

describe('values', () => {
  test('a secret is read by name, by ARN, and by its ARN without the random end', async () => {
    const Name = unique();

    const { ARN, VersionId } = await create({ Name, SecretString: '{"password":"ä"}' });

    for (const SecretId of [Name, ARN!, ARN!.slice(0, -7)]) {
      expect(await get({ SecretId })).toMatchObject({
        ARN,
        Name,
        VersionId,
        SecretString: '{"password":"ä"}',
        VersionStages: ['AWSCURRENT'],
      });
    }
  });

  test('bytes come back as they were', async () => {
    const Name = unique();
    const SecretBinary = new Uint8Array([0, 1, 254, 255]);

    await create({ Name, SecretBinary });
    const answer = await get({ SecretId: Name });

    expect(Buffer.from(answer.SecretBinary!)).toEqual(Buffer.from(SecretBinary));
    expect(answer.SecretString).toBeUndefined();
  });

  test('64 KiB pass, one byte more does not', async () => {
    const Name = unique();
    await create({ Name, SecretString: 'x' });

    await put({ SecretId: Name, SecretString: 'x'.repeat(65_536) });

    const { name, status } = await refusal(put({ SecretId: Name, SecretString: 'x'.repeat(65_537) }));
    expect(['ValidationException', 'InvalidParameterException']).toContain(name);
    expect(status).toBe(400);
  });

  test('what is not there is not found', async () => {
    const Name = unique();
    await create({ Name });
    const notFound = { name: 'ResourceNotFoundException', status: 400 };

    expect(await refusal(get({ SecretId: unique() }))).toEqual(notFound);
    expect(await refusal(put({ SecretId: unique(), SecretString: 'x' }))).toEqual(notFound);
    expect(await refusal(get({ SecretId: Name }))).toEqual(notFound);
  });
});

describe('versions', () => {
  test('a new value becomes current and the old one previous', async () => {
    const Name = unique();
    await create({ Name, SecretString: 'one' });
    await put({ SecretId: Name, SecretString: 'two' });
    await put({ SecretId: Name, SecretString: 'three' });

    const current = await get({ SecretId: Name });
    const previous = await get({ SecretId: Name, VersionStage: 'AWSPREVIOUS' });

    expect([current.SecretString, previous.SecretString]).toEqual(['three', 'two']);
    expect(
      Object.values((await stagesOf(Name))!)
        .flat()
        .sort(),
    ).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  test('a pending value is not seen by who asks for the current one', async () => {
    const Name = unique();
    await create({ Name, SecretString: 'current' });

    const { VersionId } = await put({
      SecretId: Name,
      SecretString: 'pending',
      VersionStages: ['AWSPENDING'],
    });

    expect((await get({ SecretId: Name })).SecretString).toBe('current');
    expect((await get({ SecretId: Name, VersionStage: 'AWSPENDING' })).SecretString).toBe('pending');
    expect((await get({ SecretId: Name, VersionId })).SecretString).toBe('pending');
  });

  test('a rotation moves AWSCURRENT, and AWSPREVIOUS follows', async () => {
    const Name = unique();
    const { VersionId: old } = await create({ Name, SecretString: 'old' });
    const { VersionId: pending } = await put({
      SecretId: Name,
      SecretString: 'new',
      VersionStages: ['AWSPENDING'],
    });
    const move = (more: object) =>
      at.secrets.send(
        new UpdateSecretVersionStageCommand({
          SecretId: Name,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId: pending,
          ...more,
        }),
      );

    const unnamed = await refusal(move({}));
    await move({ RemoveFromVersionId: old });

    expect(unnamed).toEqual({ name: 'InvalidParameterException', status: 400 });
    expect((await get({ SecretId: Name })).SecretString).toBe('new');
    expect((await get({ SecretId: Name, VersionStage: 'AWSPREVIOUS' })).SecretString).toBe('old');
  });

  test('the same token with the same value is the same version; with another it is refused', async () => {
    const Name = unique();
    const ClientRequestToken = randomUUID();
    await create({ Name, SecretString: 'first' });

    const one = await put({ SecretId: Name, SecretString: 'second', ClientRequestToken });
    const two = await put({ SecretId: Name, SecretString: 'second', ClientRequestToken });
    const other = await refusal(put({ SecretId: Name, SecretString: 'third', ClientRequestToken }));

    expect(one.VersionId).toBe(ClientRequestToken);
    expect(two.VersionId).toBe(ClientRequestToken);
    expect(other).toEqual({ name: 'ResourceExistsException', status: 400 });
    expect((await get({ SecretId: Name })).SecretString).toBe('second');
    expect(Object.keys((await stagesOf(Name))!)).toHaveLength(2);
  });

  test('a secret is created once; the same request again is the same secret', async () => {
    const Name = unique();
    const ClientRequestToken = randomUUID();
    const request = { Name, SecretString: 'x', ClientRequestToken };

    const { ARN } = await create(request);

    expect((await at.secrets.send(new CreateSecretCommand(request))).ARN).toBe(ARN);
    expect(await refusal(at.secrets.send(new CreateSecretCommand({ Name, SecretString: 'y' })))).toEqual({
      name: 'ResourceExistsException',
      status: 400,
    });
  });
});

describe('deletion', () => {
  test('a secret marked for deletion is not read until it is restored', async () => {
    const Name = unique();
    await create({ Name, SecretString: 'x' });

    await at.secrets.send(new DeleteSecretCommand({ SecretId: Name, RecoveryWindowInDays: 7 }));
    const marked = await refusal(get({ SecretId: Name }));
    const again = await refusal(at.secrets.send(new CreateSecretCommand({ Name, SecretString: 'y' })));
    await at.secrets.send(new RestoreSecretCommand({ SecretId: Name }));

    expect(marked).toEqual({ name: 'InvalidRequestException', status: 400 });
    expect(again).toEqual({ name: 'InvalidRequestException', status: 400 });
    expect((await get({ SecretId: Name })).SecretString).toBe('x');
  });

  test('a recovery window and none at once is refused', async () => {
    const Name = unique();
    await create({ Name, SecretString: 'x' });

    const both = new DeleteSecretCommand({
      SecretId: Name,
      RecoveryWindowInDays: 7,
      ForceDeleteWithoutRecovery: true,
    });

    expect(await refusal(at.secrets.send(both))).toEqual({ name: 'InvalidParameterException', status: 400 });
  });
});

describe('names and tags', () => {
  test('secrets are listed by the beginning of their name, in pages', async () => {
    const prefix = unique();
    for (const n of [1, 2, 3]) await create({ Name: `${prefix}/${n}`, SecretString: 'x' });
    const names: string[] = [];
    let NextToken: string | undefined;

    do {
      const page = await at.secrets.send(
        new ListSecretsCommand({
          MaxResults: 2,
          Filters: [{ Key: 'name', Values: [prefix] }],
          ...(NextToken ? { NextToken } : {}),
        }),
      );
      names.push(...page.SecretList!.map(({ Name }) => Name!));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);

    expect(names.sort()).toEqual([1, 2, 3].map(n => `${prefix}/${n}`));
  });

  test('tags are set, replaced and taken off', async () => {
    const SecretId = unique();
    await create({ Name: SecretId, SecretString: 'x', Tags: [{ Key: 'env', Value: 'a' }] });

    await at.secrets.send(
      new TagResourceCommand({
        SecretId,
        Tags: [
          { Key: 'env', Value: 'b' },
          { Key: 'team', Value: 'c' },
        ],
      }),
    );
    await at.secrets.send(new UntagResourceCommand({ SecretId, TagKeys: ['team'] }));

    const { Tags } = await at.secrets.send(new DescribeSecretCommand({ SecretId }));
    expect(Tags).toEqual([{ Key: 'env', Value: 'b' }]);
  });
});
