import { createHash, createPublicKey, type KeyObject, randomBytes, randomUUID, verify } from 'node:crypto';
import { stat } from 'node:fs/promises';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  GetPublicKeyCommand,
  type KeySpec,
  KMSClient,
  ListAliasesCommand,
  SignCommand,
  type SignCommandInput,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KmsKey, maxMessageBytes } from '#lib/aws/kms.ts';
import type { Role } from '#local/aws/roles.ts';
import { startAws } from '#local/aws/server.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { administrator, clientOptions, type Endpoint, openEndpoint, refusal } from './endpoint.ts';

let at: Endpoint;
beforeAll(async () => {
  at = await openEndpoint();
});
afterAll(() => at.stop());

async function createKey(spec: KeySpec = 'ECC_NIST_P256', kms = at.kms) {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }));
  return { id: KeyMetadata!.KeyId!, arn: KeyMetadata!.Arn!, metadata: KeyMetadata! };
}
async function createAlias(target: string, kms = at.kms) {
  const alias = `alias/contract-${randomUUID()}`;
  await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: target }));
  return alias;
}
async function publicKeyOf(KeyId: string): Promise<KeyObject> {
  const { PublicKey } = await at.kms.send(new GetPublicKeyCommand({ KeyId }));
  return createPublicKey({ key: Buffer.from(PublicKey!), type: 'spki', format: 'der' });
}
const sign = (input: SignCommandInput) => at.kms.send(new SignCommand(input));
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();

describe('keys', () => {
  test.each([
    ['ECC_NIST_P256', 'ECDSA_SHA_256', 'ec'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512', 'ed25519'],
  ] as const)('a key of %s says what it is and gives its public half', async (spec, algorithm, type) => {
    const { id, arn, metadata } = await createKey(spec);

    const described = await at.kms.send(new DescribeKeyCommand({ KeyId: id }));
    const answer = await at.kms.send(new GetPublicKeyCommand({ KeyId: id }));

    expect(described.KeyMetadata).toMatchObject({ ...metadata, KeySpec: spec, KeyUsage: 'SIGN_VERIFY' });
    expect(described.KeyMetadata).toMatchObject({ Enabled: true, KeyState: 'Enabled' });
    expect(answer).toMatchObject({ KeyId: arn, KeySpec: spec, KeyUsage: 'SIGN_VERIFY' });
    expect(answer.SigningAlgorithms).toContain(algorithm);
    expect((await publicKeyOf(id)).asymmetricKeyType).toBe(type);
  });

  test('a key is found by id, ARN, alias and the ARN of its alias', async () => {
    const { id, arn } = await createKey();
    const alias = await createAlias(id);
    const aliasArn = arn.replace(/key\/.*$/, alias);

    for (const KeyId of [id, arn, alias, aliasArn]) {
      expect((await at.kms.send(new GetPublicKeyCommand({ KeyId }))).KeyId).toBe(arn);
    }
  });

  test('aliases are listed with their keys, a page at a time', async () => {
    const { id, arn } = await createKey();
    const made = [await createAlias(id), await createAlias(arn), await createAlias(id)].sort();

    const found: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await at.kms.send(new ListAliasesCommand({ KeyId: id, Limit: 2, Marker }));
      expect(page.Aliases!.every(({ TargetKeyId }) => TargetKeyId === id)).toBe(true);
      found.push(...page.Aliases!.map(({ AliasName }) => AliasName!));
      Marker = page.NextMarker;
      expect(page.Truncated).toBe(Marker !== undefined);
    } while (Marker !== undefined);

    expect(found).toEqual(made);
  });

  test('what is not there, what is taken, and what is no alias have errors of their own', async () => {
    const { id } = await createKey();
    const alias = await createAlias(id);
    const aliasTo = (AliasName: string, TargetKeyId = id) =>
      refusal(at.kms.send(new CreateAliasCommand({ AliasName, TargetKeyId })));
    const missing = [randomUUID(), 'alias/nobody', id.replace(/./, 'z')];

    for (const KeyId of missing) {
      const notFound = { name: 'NotFoundException', status: 400 };
      expect(await refusal(at.kms.send(new GetPublicKeyCommand({ KeyId })))).toEqual(notFound);
      expect(await refusal(at.kms.send(new DescribeKeyCommand({ KeyId })))).toEqual(notFound);
    }
    expect(await aliasTo(alias)).toEqual({ name: 'AlreadyExistsException', status: 400 });
    expect(await aliasTo('alias/aws/ours')).toEqual({ name: 'NotAuthorizedException', status: 400 });
    expect(await aliasTo('no alias')).toEqual({ name: 'ValidationException', status: 400 });
    expect(await aliasTo('alias/other', alias)).toEqual({ name: 'ValidationException', status: 400 });
  });
});

describe('signatures', () => {
  test('ECDSA signs a message, and the digest of a message, so that both verify', async () => {
    const { id } = await createKey();
    const publicKey = await publicKeyOf(id);
    const message = randomBytes(300);
    const algorithm = { KeyId: id, SigningAlgorithm: 'ECDSA_SHA_256' } as const;

    const ofMessage = await sign({ ...algorithm, Message: message });
    const ofDigest = await sign({ ...algorithm, Message: sha256(message), MessageType: 'DIGEST' });

    expect(verify('sha256', message, publicKey, ofMessage.Signature!)).toBe(true);
    expect(verify('sha256', message, publicKey, ofDigest.Signature!)).toBe(true);
    expect(verify('sha256', randomBytes(300), publicKey, ofDigest.Signature!)).toBe(false);
  });

  test('Ed25519 signs a message', async () => {
    const { id } = await createKey('ECC_NIST_EDWARDS25519');
    const message = randomBytes(300);

    const { Signature } = await sign({ KeyId: id, Message: message, SigningAlgorithm: 'ED25519_SHA_512' });

    expect(Signature).toHaveLength(64);
    expect(verify(null, message, await publicKeyOf(id), Signature!)).toBe(true);
  });

  test('an algorithm of another kind of key, a digest of another length and a long message are refused', async () => {
    const ecdsa = { KeyId: (await createKey()).id, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const edwards = { KeyId: (await createKey('ECC_NIST_EDWARDS25519')).id } as const;
    const digest = { Message: sha256(Buffer.from('text')), MessageType: 'DIGEST' } as const;
    const wrongUsage = { name: 'InvalidKeyUsageException', status: 400 };
    const invalid = { name: 'ValidationException', status: 400 };

    expect(await refusal(sign({ ...ecdsa, ...digest, SigningAlgorithm: 'ED25519_SHA_512' }))).toEqual(
      wrongUsage,
    );
    expect(await refusal(sign({ ...edwards, ...digest, SigningAlgorithm: 'ED25519_SHA_512' }))).toEqual(
      wrongUsage,
    );
    expect(await refusal(sign({ ...ecdsa, ...digest, Message: digest.Message.subarray(1) }))).toEqual(
      invalid,
    );
    expect(await refusal(sign({ ...ecdsa, Message: randomBytes(4097) }))).toEqual(invalid);
    expect(await refusal(sign({ ...ecdsa, Message: new Uint8Array() }))).toEqual(invalid);
  });
});

describe('KmsKey', () => {
  test('signs what its public key verifies, by alias, with both kinds of keys', async () => {
    for (const [spec, hash] of [
      ['ECC_NIST_P256', 'sha256'],
      ['ECC_NIST_EDWARDS25519', null],
    ] as const) {
      const key = new KmsKey(at.kms, await createAlias((await createKey(spec)).id));
      const message = randomBytes(maxMessageBytes);

      const signature = await key.sign(message);

      expect(verify(hash, message, await key.publicKey(), signature)).toBe(true);
      await expect(key.sign(randomBytes(maxMessageBytes + 1))).rejects.toThrow(RangeError);
    }
  });

  test('a key that is not there is an error of the control plane, and is asked for again', async () => {
    const alias = `alias/contract-${randomUUID()}`;
    const key = new KmsKey(at.kms, alias);

    await expect(key.publicKey()).rejects.toMatchObject({ code: 'controlPlaneUnavailable' });
    await at.kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: (await createKey()).id }));

    expect((await key.publicKey()).asymmetricKeyType).toBe('ec');
  });
});

describe('the stand-in', () => {
  const signer: Role = {
    name: 'signer',
    accessKeyId: 'AKIASIGNER',
    secretAccessKey: 'secret of the signer',
    allow: ['kms:Sign alias/permitted'],
  };

  test('a role signs with the key that it is permitted, by any of its names, and with no other', async () => {
    const aws = await startAws({ roles: [administrator, signer] });
    const kms = new KMSClient(clientOptions(aws.endpoint));
    const asSigner = new KMSClient(clientOptions(aws.endpoint, signer));
    const attempt = (KeyId: string) =>
      refusal(
        asSigner.send(new SignCommand({ KeyId, Message: randomBytes(8), SigningAlgorithm: 'ECDSA_SHA_256' })),
      );
    try {
      const permitted = await createKey('ECC_NIST_P256', kms);
      await kms.send(new CreateAliasCommand({ AliasName: 'alias/permitted', TargetKeyId: permitted.id }));
      const other = await createAlias((await createKey('ECC_NIST_P256', kms)).id, kms);
      const denied = { name: 'AccessDeniedException', status: 400 };

      expect(await attempt('alias/permitted')).toEqual({ name: 'none', status: 200 });
      expect(await attempt(permitted.arn)).toEqual({ name: 'none', status: 200 });
      expect(await attempt(other)).toEqual(denied);
      expect(await refusal(asSigner.send(new GetPublicKeyCommand({ KeyId: permitted.id })))).toEqual(denied);
    } finally {
      kms.destroy();
      asSigner.destroy();
      await aws.stop();
    }
  });

  test('a key is there after a restart, and its file is closed to others', async () => {
    await using folder = await temporaryFolder('kms');
    const readKey = async (make: boolean) => {
      const aws = await startAws({ roles: [administrator], dataDir: folder.path });
      const kms = new KMSClient(clientOptions(aws.endpoint));
      try {
        if (make) {
          const { id } = await createKey('ECC_NIST_P256', kms);
          await kms.send(new CreateAliasCommand({ AliasName: 'alias/kept', TargetKeyId: id }));
        }
        const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: 'alias/kept' }));
        return Buffer.from(PublicKey!).toString('base64');
      } finally {
        kms.destroy();
        await aws.stop();
      }
    };

    const before = await readKey(true);
    const after = await readKey(false);

    expect(after).toBe(before);
    const { mode } = await stat(`${folder.path}/kms.sqlite`);
    expect(mode & 0o077).toBe(0);
  });
});
