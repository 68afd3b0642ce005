import { createPublicKey, type KeyObject } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand, type SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { SallyportError } from '#lib/errors.ts';

/** What KMS takes as one message (`Sign`, MessageType RAW). */
export const maxMessageBytes = 4096;

/** The two algorithms that are used here: ECDSA on P-256 with SHA-256, and Ed25519. */
const algorithms = ['ECDSA_SHA_256', 'ED25519_SHA_512'] as const satisfies readonly SigningAlgorithmSpec[];

interface Resolved {
  readonly arn: string;
  readonly publicKey: KeyObject;
  readonly algorithm: (typeof algorithms)[number];
}

/** A client with deadlines: somebody waits to sign in. */
export function makeKmsClient(): KMSClient {
  return new KMSClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
  });
}

/**
 * An asymmetric key that only KMS holds. An alias is followed once, at the first use: the public key and every
 * signature are of the same key, also when the alias is pointed elsewhere meanwhile.
 */
export class KmsKey {
  readonly #client: KMSClient;
  readonly #keyId: string;
  #resolved: Promise<Resolved> | undefined;

  /** @param keyId key id, ARN, `alias/name` or the alias's ARN */
  constructor(client: KMSClient, keyId: string) {
    this.#client = client;
    this.#keyId = keyId;
  }

  /** @throws {SallyportError} `controlPlaneUnavailable` */
  async publicKey(): Promise<KeyObject> {
    return (await this.#resolve()).publicKey;
  }

  /**
   * Signs a message of at most {@link maxMessageBytes}.
   *
   * @returns ECDSA: the two numbers as ASN.1 (DER); Ed25519: its 64 bytes
   * @throws {SallyportError} `controlPlaneUnavailable`
   * @throws {RangeError} for a longer message
   */
  async sign(message: Uint8Array): Promise<Buffer> {
    if (message.length > maxMessageBytes) {
      throw new RangeError(`KMS signs ${maxMessageBytes} bytes at most, not ${message.length}`);
    }
    const { arn, algorithm } = await this.#resolve();
    const { Signature } = await this.#ask(() =>
      this.#client.send(
        new SignCommand({ KeyId: arn, Message: message, MessageType: 'RAW', SigningAlgorithm: algorithm }),
      ),
    );
    if (Signature === undefined) throw unusable('KMS answered without a signature');
    return Buffer.from(Signature);
  }

  #resolve(): Promise<Resolved> {
    if (this.#resolved === undefined) {
      const resolved = this.#read();
      this.#resolved = resolved;
      // A failure is not kept; whoever waits for it is told.
      resolved.catch(() => {
        if (this.#resolved === resolved) this.#resolved = undefined;
      });
    }
    return this.#resolved;
  }

  async #read(): Promise<Resolved> {
    const answer = await this.#ask(() => this.#client.send(new GetPublicKeyCommand({ KeyId: this.#keyId })));
    const algorithm = algorithms.find(name => answer.SigningAlgorithms?.includes(name));
    if (algorithm === undefined || answer.KeyId === undefined || answer.PublicKey === undefined) {
      throw unusable(`${this.#keyId} signs with neither of ${algorithms.join(', ')}`);
    }
    const publicKey = createPublicKey({ key: Buffer.from(answer.PublicKey), type: 'spki', format: 'der' });
    return { arn: answer.KeyId, publicKey, algorithm };
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      throw unusable(cause);
    }
  }
}

function unusable(cause: unknown): SallyportError {
  return new SallyportError('controlPlaneUnavailable', 'A signing key of the gateway cannot be used.', {
    cause: cause instanceof Error ? cause : new Error(String(cause)),
  });
}
