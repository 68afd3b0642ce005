/**
 * KMS: asymmetric keys that sign, and their aliases.
 * https://docs.aws.amazon.com/kms/latest/APIReference/
 *
 * Not here: encryption, grants, key policies, rotation, disabling and deleting. Permissions are written with the
 * key's alias (`kms:Sign alias/sallyport-ssh-user-ca`), where IAM has the key's ARN.
 */
import { createPublicKey, randomUUID } from 'node:crypto';
import { type JsonObject, type JsonOperation, jsonService } from './json-protocol.ts';
import { inputs } from './kms-requests.ts';
import { fromStoredForm, type KeySpec, keySpecs, storedForm } from './kms-specs.ts';
import { type AliasRow, type KeyRow, KmsStore } from './kms-store.ts';
import { parse } from './parse-input.ts';
import { AwsError, type AwsService } from './service.ts';

export interface KmsOptions {
  /** The file; in memory without it. */
  readonly path?: string;
  readonly region: string;
  readonly accountId: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

class Kms {
  readonly #store: KmsStore;
  readonly #options: KmsOptions;

  constructor(store: KmsStore, options: KmsOptions) {
    this.#store = store;
    this.#options = options;
  }

  createKey(input: JsonObject): object {
    const { KeySpec, Description } = parse(inputs.CreateKey, input);
    const keyId = randomUUID();
    const row: KeyRow = {
      keyId,
      arn: this.#arn(`key/${keyId}`),
      spec: KeySpec,
      description: Description,
      createdAt: this.#options.clock(),
      privateKey: storedForm(keySpecs[KeySpec].generate()),
    };
    this.#store.insert(row);
    return { KeyMetadata: this.#metadata(row) };
  }

  createAlias(input: JsonObject): object {
    const { AliasName, TargetKeyId } = parse(inputs.CreateAlias, input);
    if (AliasName.startsWith('alias/aws/')) {
      throw new AwsError('NotAuthorizedException', 'Aliases that begin with alias/aws/ belong to AWS.');
    }
    if (TargetKeyId.startsWith('alias/')) {
      throw new AwsError('ValidationException', 'Aliases must refer to keys. Not aliases');
    }
    const { keyId } = this.#find(TargetKeyId);
    const arn = this.#arn(AliasName);
    if (this.#store.alias(AliasName) !== undefined) {
      throw new AwsError('AlreadyExistsException', `An alias with the name ${arn} already exists`);
    }
    this.#store.insertAlias({ name: AliasName, arn, keyId, createdAt: this.#options.clock() });
    return {};
  }

  listAliases(input: JsonObject): object {
    const { KeyId, Limit, Marker } = parse(inputs.ListAliases, input);
    const keyId = KeyId === undefined ? undefined : this.#find(KeyId).keyId;
    const after = Marker === undefined ? '' : Buffer.from(Marker, 'base64url').toString('utf8');
    const rows = this.#store.aliases(after, keyId, Limit + 1);
    const page = rows.slice(0, Limit);
    return {
      Aliases: page.map(aliasEntry),
      Truncated: rows.length > page.length,
      ...(rows.length > page.length
        ? { NextMarker: Buffer.from(page.at(-1)!.name).toString('base64url') }
        : {}),
    };
  }

  describeKey(input: JsonObject): object {
    return { KeyMetadata: this.#metadata(this.#find(parse(inputs.DescribeKey, input).KeyId)) };
  }

  getPublicKey(input: JsonObject): object {
    const key = this.#find(parse(inputs.GetPublicKey, input).KeyId);
    const publicKey = createPublicKey(fromStoredForm(key.privateKey));
    return {
      KeyId: key.arn,
      PublicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      ...purpose(key),
    };
  }

  sign(input: JsonObject): object {
    const { KeyId, Message, MessageType, SigningAlgorithm } = parse(inputs.Sign, input);
    const key = this.#find(KeyId);
    const { algorithms }: KeySpec = keySpecs[key.spec];
    const algorithm = Object.hasOwn(algorithms, SigningAlgorithm) ? algorithms[SigningAlgorithm] : undefined;
    if (algorithm === undefined || !algorithm.messageTypes.includes(MessageType)) {
      const asked = `Algorithm ${SigningAlgorithm} with message type ${MessageType}`;
      throw new AwsError(
        'InvalidKeyUsageException',
        `${asked} is incompatible with key spec ${key.spec} of key ${key.arn}.`,
      );
    }
    if (MessageType === 'DIGEST' && Message.length !== algorithm.digestBytes) {
      throw new AwsError(
        'ValidationException',
        `Digest is invalid length for algorithm ${SigningAlgorithm}: ${algorithm.digestBytes} bytes are wanted.`,
      );
    }
    const signature = algorithm.sign(fromStoredForm(key.privateKey), Message, MessageType);
    return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm };
  }

  #arn(resource: string): string {
    return `arn:aws:kms:${this.#options.region}:${this.#options.accountId}:${resource}`;
  }

  #find(id: string): KeyRow {
    const key = this.#store.find(id);
    if (key !== undefined) return key;
    const kind = id.startsWith('alias/') ? 'Alias' : 'Key';
    const arn = id.startsWith('arn:') ? id : this.#arn(kind === 'Alias' ? id : `key/${id}`);
    throw new AwsError('NotFoundException', `${kind} ${arn} is not found.`);
  }

  #metadata(key: KeyRow): object {
    return {
      AWSAccountId: this.#options.accountId,
      KeyId: key.keyId,
      Arn: key.arn,
      CreationDate: key.createdAt / 1000,
      Enabled: true,
      KeyState: 'Enabled',
      KeyManager: 'CUSTOMER',
      Origin: 'AWS_KMS',
      MultiRegion: false,
      Description: key.description,
      ...purpose(key),
    };
  }
}

const purpose = ({ spec }: KeyRow) => ({
  KeySpec: spec,
  CustomerMasterKeySpec: spec,
  KeyUsage: 'SIGN_VERIFY',
  SigningAlgorithms: Object.keys(keySpecs[spec].algorithms),
});

const aliasEntry = ({ name, arn, keyId, createdAt }: AliasRow) => ({
  AliasName: name,
  AliasArn: arn,
  TargetKeyId: keyId,
  CreationDate: createdAt / 1000,
  LastUpdatedDate: createdAt / 1000,
});

export function openKms(options: KmsOptions): AwsService {
  const store = new KmsStore(options.path);
  const kms = new Kms(store, options);
  /** A key's alias where it has one, else `key/ID`, whatever form the request uses. */
  const resource = (id: unknown) => {
    const key = typeof id === 'string' ? store.find(id) : undefined;
    if (key === undefined) return typeof id === 'string' ? id : '*';
    return store.aliases('', key.keyId, 1)[0]?.name ?? `key/${key.keyId}`;
  };
  const operation = (
    action: string,
    run: (input: JsonObject) => object,
    member = 'KeyId',
  ): JsonOperation => ({
    permissions: input => [{ action: `kms:${action}`, resource: resource(input[member]) }],
    run,
  });
  return jsonService({
    signingName: 'kms',
    version: '1.1',
    targetPrefix: 'TrentService',
    namespace: 'com.amazonaws.kms',
    maxBodyBytes: 64 * 1024,
    operations: {
      CreateKey: operation('CreateKey', input => kms.createKey(input)),
      CreateAlias: operation('CreateAlias', input => kms.createAlias(input), 'TargetKeyId'),
      ListAliases: operation('ListAliases', input => kms.listAliases(input)),
      DescribeKey: operation('DescribeKey', input => kms.describeKey(input)),
      GetPublicKey: operation('GetPublicKey', input => kms.getPublicKey(input)),
      Sign: operation('Sign', input => kms.sign(input)),
    },
    close: async () => store.close(),
  });
}
