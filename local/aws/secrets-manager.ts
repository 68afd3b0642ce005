/**
 * Secrets Manager: versions, staging labels, idempotent tokens, deletion with a waiting time.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/
 *
 * Not here: rotation, replication, resource policies, keys of KMS.
 */
import { randomBytes } from 'node:crypto';
import { type JsonObject, type JsonOperation, jsonService } from './json-protocol.ts';
import { parse } from './parse-input.ts';
import { current, inputs } from './secrets-requests.ts';
import { type SecretRow, SecretsStore, type VersionRow } from './secrets-store.ts';
import { AwsError, type AwsService } from './service.ts';

export interface SecretsManagerOptions {
  /** The file; in memory without it. */
  readonly path?: string;
  readonly region: string;
  readonly accountId: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const dayMs = 86_400_000;
const previous = 'AWSPREVIOUS';

const invalidParameter = (message: string) => new AwsError('InvalidParameterException', message);
const invalidRequest = (message: string) => new AwsError('InvalidRequestException', message);
const notFound = (what: string) =>
  new AwsError('ResourceNotFoundException', `Secrets Manager can't find the specified ${what}.`);

interface Value {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: string | undefined;
}

function versionOf(value: Value, versionId: string, createdAt: number): VersionRow {
  return {
    versionId,
    secretString: value.SecretString ?? null,
    secretBinary: value.SecretBinary ?? null,
    createdAt,
  };
}

const sameContent = (a: VersionRow, b: VersionRow) =>
  a.secretString === b.secretString && a.secretBinary === b.secretBinary;

class SecretsManager {
  readonly #store: SecretsStore;
  readonly #options: SecretsManagerOptions;

  constructor(store: SecretsStore, options: SecretsManagerOptions) {
    this.#store = store;
    this.#options = options;
  }

  #find(id: string): SecretRow {
    this.#store.purge(this.#options.clock());
    const secret = this.#store.find(id);
    if (secret === undefined) throw notFound('secret');
    return secret;
  }

  #findLive(id: string): SecretRow {
    const secret = this.#find(id);
    if (secret.deletionAt === null) return secret;
    throw invalidRequest(
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }

  create(input: JsonObject): object {
    const asked = parse(inputs.CreateSecret, input);
    const { SecretString: text, SecretBinary: binary } = asked;
    if (text !== undefined && binary !== undefined)
      throw invalidParameter(
        "You can't specify both a binary secret value and a string secret value in the same secret.",
      );
    const now = this.#options.clock();
    this.#store.purge(now);
    const version = versionOf(asked, asked.ClientRequestToken, now);
    const hasValue = text !== undefined || binary !== undefined;
    const existing = this.#store.find(asked.Name);
    if (existing !== undefined) {
      const same = this.#store
        .versions(existing.name)
        .find(({ versionId }) => versionId === version.versionId);
      if (existing.deletionAt !== null)
        throw invalidRequest(
          "You can't create this secret because a secret with this name is already scheduled for deletion.",
        );
      if (same !== undefined && sameContent(same, version))
        return { ARN: existing.arn, Name: existing.name, VersionId: version.versionId };
      throw new AwsError(
        'ResourceExistsException',
        `The operation failed because the secret ${asked.Name} already exists.`,
      );
    }
    const arn = `arn:aws:secretsmanager:${this.#options.region}:${this.#options.accountId}:secret:${asked.Name}-${randomBytes(3).toString('hex')}`;
    this.#store.insert({
      name: asked.Name,
      arn,
      description: asked.Description ?? null,
      tags: JSON.stringify(asked.Tags),
      createdAt: now,
      changedAt: now,
      deletionAt: null,
    });
    if (!hasValue) return { ARN: arn, Name: asked.Name };
    this.#store.addVersion(asked.Name, version);
    this.#store.setStage(asked.Name, current, version.versionId);
    return { ARN: arn, Name: asked.Name, VersionId: version.versionId };
  }

  get(input: JsonObject): object {
    const { SecretId, VersionId, VersionStage } = parse(inputs.GetSecretValue, input);
    const secret = this.#findLive(SecretId);
    const stages = this.#store.stages(secret.name);
    const staged = stages.get(VersionStage ?? current);
    const wanted = VersionId ?? staged;
    const version = this.#store.versions(secret.name).find(({ versionId }) => versionId === wanted);
    if (version === undefined) {
      throw notFound(
        VersionId === undefined
          ? `secret value for staging label: ${VersionStage ?? current}`
          : `secret value for VersionId: ${VersionId}`,
      );
    }
    if (VersionId !== undefined && VersionStage !== undefined && staged !== VersionId) {
      throw invalidRequest('You provided a VersionStage that is not associated to the provided VersionId.');
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.versionId,
      ...(version.secretString === null ? {} : { SecretString: version.secretString }),
      ...(version.secretBinary === null ? {} : { SecretBinary: version.secretBinary }),
      VersionStages: [...stages].filter(([, id]) => id === version.versionId).map(([stage]) => stage),
      CreatedDate: version.createdAt / 1000,
    };
  }

  put(input: JsonObject): object {
    const asked = parse(inputs.PutSecretValue, input);
    if ((asked.SecretString === undefined) === (asked.SecretBinary === undefined)) {
      throw invalidRequest('You must provide either SecretString or SecretBinary, and not both.');
    }
    const secret = this.#findLive(asked.SecretId);
    const now = this.#options.clock();
    const version = versionOf(asked, asked.ClientRequestToken, now);
    const versions = this.#store.versions(secret.name);
    const existing = versions.find(({ versionId }) => versionId === version.versionId);
    if (existing !== undefined && !sameContent(existing, version)) {
      throw new AwsError(
        'ResourceExistsException',
        `You can't use ClientRequestToken ${version.versionId} because that value is already in use for a version of secret ${secret.arn}.`,
      );
    }
    if (existing === undefined) {
      this.#store.addVersion(secret.name, version);
      this.#store.touch(secret.name, now);
      const labels = versions.length === 0 ? new Set([...asked.VersionStages, current]) : asked.VersionStages;
      for (const stage of labels) this.#moveStage(secret.name, stage, version.versionId);
    }
    const stages = [...this.#store.stages(secret.name)].filter(([, id]) => id === version.versionId);
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.versionId,
      VersionStages: stages.map(([stage]) => stage),
    };
  }

  /** The version that AWSCURRENT leaves becomes AWSPREVIOUS. */
  #moveStage(secret: string, stage: string, versionId: string): void {
    const before = this.#store.stages(secret).get(stage);
    this.#store.setStage(secret, stage, versionId);
    if (stage === current && before !== undefined && before !== versionId)
      this.#store.setStage(secret, previous, before);
  }

  moveStage(input: JsonObject): object {
    const {
      SecretId,
      VersionStage,
      MoveToVersionId: to,
      RemoveFromVersionId: from,
    } = parse(inputs.UpdateSecretVersionStage, input);
    const secret = this.#findLive(SecretId);
    const holder = this.#store.stages(secret.name).get(VersionStage);
    if (to === undefined && from === undefined)
      throw invalidParameter('You must specify MoveToVersionId or RemoveFromVersionId.');
    if (to === undefined && VersionStage === current)
      throw invalidParameter(`You can't remove staging label ${current}: move it to another version.`);
    if (to !== undefined && !this.#store.versions(secret.name).some(({ versionId }) => versionId === to))
      throw notFound(`secret value for VersionId: ${to}`);
    if (from !== undefined ? holder !== from : holder !== undefined && holder !== to) {
      throw invalidParameter(
        `The staging label ${VersionStage} is attached to another version: RemoveFromVersionId must name the version that has it.`,
      );
    }
    if (to === undefined) this.#store.removeStage(secret.name, VersionStage);
    else this.#moveStage(secret.name, VersionStage, to);
    this.#store.touch(secret.name, this.#options.clock());
    return { ARN: secret.arn, Name: secret.name };
  }

  /** @param versionsMember the two operations that list versions call the member differently. */
  #description(secret: SecretRow, versionsMember: 'VersionIdsToStages' | 'SecretVersionsToStages'): object {
    const versions: Record<string, string[]> = {};
    for (const [stage, id] of this.#store.stages(secret.name)) {
      versions[id] = [...(versions[id] ?? []), stage];
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      ...(secret.description === null ? {} : { Description: secret.description }),
      CreatedDate: secret.createdAt / 1000,
      LastChangedDate: secret.changedAt / 1000,
      ...(secret.deletionAt === null ? {} : { DeletedDate: secret.deletionAt / 1000 }),
      Tags: JSON.parse(secret.tags) as unknown,
      [versionsMember]: versions,
    };
  }

  describe(input: JsonObject): object {
    return this.#description(this.#find(parse(inputs.DescribeSecret, input).SecretId), 'VersionIdsToStages');
  }

  delete(input: JsonObject): object {
    const {
      SecretId,
      RecoveryWindowInDays: days,
      ForceDeleteWithoutRecovery: force,
    } = parse(inputs.DeleteSecret, input);
    if (force === true && days !== undefined)
      throw invalidParameter(
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
      );
    const secret = this.#find(SecretId);
    if (secret.deletionAt !== null && force !== true)
      throw invalidRequest(
        'You tried to perform the operation on a secret that is currently marked deleted.',
      );
    const deletionAt = this.#options.clock() + (force === true ? 0 : (days ?? 30) * dayMs);
    this.#store.setDeletion(secret.name, deletionAt);
    this.#store.purge(this.#options.clock());
    return { ARN: secret.arn, Name: secret.name, DeletionDate: deletionAt / 1000 };
  }

  restore(input: JsonObject): object {
    const secret = this.#find(parse(inputs.RestoreSecret, input).SecretId);
    this.#store.setDeletion(secret.name, null);
    return { ARN: secret.arn, Name: secret.name };
  }

  list(input: JsonObject): object {
    const { MaxResults, NextToken, IncludePlannedDeletion, Filters } = parse(inputs.ListSecrets, input);
    this.#store.purge(this.#options.clock());
    const prefixes = Filters.flatMap(({ Values }) => Values);
    const after = NextToken === undefined ? '' : Buffer.from(NextToken, 'base64url').toString('utf8');
    const rows = this.#store.list(after, prefixes, IncludePlannedDeletion, MaxResults + 1);
    const page = rows.slice(0, MaxResults);
    return {
      SecretList: page.map(row => this.#description(row, 'SecretVersionsToStages')),
      ...(rows.length > page.length
        ? { NextToken: Buffer.from(page.at(-1)!.name).toString('base64url') }
        : {}),
    };
  }

  tag(input: JsonObject): object {
    const { SecretId, Tags } = parse(inputs.TagResource, input);
    const secret = this.#findLive(SecretId);
    const kept = (JSON.parse(secret.tags) as { Key: string; Value: string }[]).filter(
      old => !Tags.some(({ Key }) => Key === old.Key),
    );
    this.#store.setTags(secret.name, JSON.stringify([...kept, ...Tags]));
    return {};
  }

  untag(input: JsonObject): object {
    const { SecretId, TagKeys } = parse(inputs.UntagResource, input);
    const secret = this.#findLive(SecretId);
    const kept = (JSON.parse(secret.tags) as { Key: string }[]).filter(({ Key }) => !TagKeys.includes(Key));
    this.#store.setTags(secret.name, JSON.stringify(kept));
    return {};
  }
}

export function openSecretsManager(options: SecretsManagerOptions): AwsService {
  const store = new SecretsStore(options.path);
  const secrets = new SecretsManager(store, options);
  const operation = (
    action: string,
    run: (input: JsonObject) => object,
    resource = 'SecretId',
  ): JsonOperation => ({
    permissions: input => {
      const id = input[resource];
      // Permissions are written with names, whatever form the request uses.
      const named = typeof id === 'string' ? (store.find(id)?.name ?? id) : '*';
      return [{ action: `secretsmanager:${action}`, resource: named }];
    },
    run: input => store.atomically(() => run(input)),
  });
  return jsonService({
    signingName: 'secretsmanager',
    version: '1.1',
    targetPrefix: 'secretsmanager',
    namespace: 'com.amazonaws.secretsmanager',
    maxBodyBytes: 1024 * 1024,
    operations: {
      CreateSecret: operation('CreateSecret', input => secrets.create(input), 'Name'),
      GetSecretValue: operation('GetSecretValue', input => secrets.get(input)),
      PutSecretValue: operation('PutSecretValue', input => secrets.put(input)),
      DescribeSecret: operation('DescribeSecret', input => secrets.describe(input)),
      UpdateSecretVersionStage: operation('UpdateSecretVersionStage', input => secrets.moveStage(input)),
      DeleteSecret: operation('DeleteSecret', input => secrets.delete(input)),
      RestoreSecret: operation('RestoreSecret', input => secrets.restore(input)),
      ListSecrets: operation('ListSecrets', input => secrets.list(input)),
      TagResource: operation('TagResource', input => secrets.tag(input)),
      UntagResource: operation('UntagResource', input => secrets.untag(input)),
    },
    close: async () => store.close(),
  });
}
