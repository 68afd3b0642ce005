import { randomBytes } from 'node:crypto';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { KmsKey, makeKmsClient } from '#lib/aws/kms.ts';
import type { SshTarget } from '#lib/policy/config/targets/ssh.ts';
import { makeCertificate } from '#lib/ssh/certificate.ts';
import { generateEd25519, type SshSigner } from '#lib/ssh/private-key.ts';
import { publicKeyFrom, type SshPublicKey } from '#lib/ssh/public-key.ts';
import { ecdsaSignatureFromDer, signatureBlob } from '#lib/ssh/signature.ts';

/** Clocks differ; a sign-in takes seconds. */
const backdatedSeconds = 60n;
const validSeconds = 180n;

/**
 * The authority whose certificates the targets trust (`TrustedUserCAKeys` in sshd_config). Its key is in KMS;
 * what it certifies is a key made for one session, for minutes, for one login.
 */
export class UserAuthority {
  readonly #key: KmsKey;
  #publicKey: SshPublicKey | undefined;

  constructor(key: KmsKey) {
    this.#key = key;
  }

  static inKms(keyId: string): UserAuthority {
    return new UserAuthority(new KmsKey(makeKmsClient(), keyId));
  }

  /** @throws {SallyportError} `controlPlaneUnavailable` */
  async certify(
    grant: Grant<SshTarget>,
    login: string,
  ): Promise<{ readonly signer: SshSigner; readonly certificate: Buffer }> {
    const publicKey = await this.publicKey();
    const { signer } = generateEd25519();
    const now = BigInt(Math.floor(Date.now() / 1_000));
    const certificate = await makeCertificate({
      key: signer.publicKey,
      kind: 'user',
      serial: randomBytes(8).readBigUInt64BE(),
      // What sshd writes to its log at each sign-in.
      keyId: `sallyport session ${grant.sessionId} of ${grant.identity.name}`,
      principals: [login],
      validAfter: now - backdatedSeconds,
      validBefore: now + validSeconds,
      extensions: { 'permit-pty': '', 'permit-port-forwarding': '', 'permit-user-rc': '' },
      authority: {
        publicKey,
        sign: async data => signed(publicKey, await this.#key.sign(data)),
      },
    });
    return { signer, certificate };
  }

  async publicKey(): Promise<SshPublicKey> {
    this.#publicKey ??= publicKeyFrom(await this.#key.publicKey());
    return this.#publicKey;
  }
}

/** KMS gives ECDSA in DER and Ed25519 bare. */
function signed({ type }: SshPublicKey, signature: Buffer): Buffer {
  return type === 'ssh-ed25519' ? signatureBlob(type, signature) : ecdsaSignatureFromDer(type, signature);
}
