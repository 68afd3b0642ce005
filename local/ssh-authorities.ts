/** The gateway's SSH authorities in the KMS stand-in, made at the first start as a deployment makes them. */
import { CreateAliasCommand, CreateKeyCommand, KMSClient, NotFoundException } from '@aws-sdk/client-kms';
import { KmsKey } from '#lib/aws/kms.ts';
import { publicKeyFrom } from '#lib/ssh/public-key.ts';
import { ecdsaSignatureFromDer } from '#lib/ssh/signature.ts';
import { keyAlias, type SigningKeyName, signingKeys } from '../infra/signing-keys.ts';
import { deployment } from './access-keys.ts';
import type { Role } from './aws/roles.ts';
import type { Aws } from './aws/server.ts';
import type { Authority } from './ssh-keys.ts';

/** The authorities, with the operator's rights: what signs here, and what others are told to trust. */
export interface SshAuthorities extends Readonly<Record<SigningKeyName, Authority>> {
  close(): void;
}

export async function openAuthorities(aws: Aws, operator: Role): Promise<SshAuthorities> {
  const client = new KMSClient({
    endpoint: aws.endpoint,
    region: aws.region,
    credentials: { accessKeyId: operator.accessKeyId, secretAccessKey: operator.secretAccessKey },
  });
  const open = async (name: SigningKeyName): Promise<Authority> => {
    const alias = keyAlias(deployment, name);
    const key = new KmsKey(client, alias);
    try {
      await key.publicKey();
    } catch (error) {
      if (!((error as Error).cause instanceof NotFoundException)) throw error;
      await makeKey(client, name, alias);
    }
    const publicKey = publicKeyFrom(await key.publicKey());
    return {
      publicKey,
      sign: async data => ecdsaSignatureFromDer(publicKey.algorithms[0]!, await key.sign(data)),
    };
  };
  const [sshUsers, sshHosts] = await Promise.all([open('sshUsers'), open('sshHosts')]);
  return { sshUsers, sshHosts, close: () => client.destroy() };
}

async function makeKey(client: KMSClient, name: SigningKeyName, alias: string): Promise<void> {
  const { spec, description } = signingKeys[name];
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY', Description: description }),
  );
  await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata?.KeyId ?? '' }));
}
