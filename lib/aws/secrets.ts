import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { SecretValue } from '#lib/aws/secret-value.ts';
import { SallyportError } from '#lib/errors.ts';

const hiddenText = (length: number) =>
  z
    .string()
    .min(1)
    .max(length)
    .transform(text => new SecretValue(text));

/**
 * The secret of a target: JSON as RDS writes it, where what is not needed here is passed over; or, instead of
 * the password, a client certificate with its key, both in PEM.
 */
const targetSecretSchema = z
  .object({
    host: z.string().min(1).max(253).optional(),
    // Secrets that were typed into a form hold their numbers as text.
    port: z.coerce.number().int().min(1).max(65_535).optional(),
    dbname: z.string().min(1).max(63).optional(),
    username: z.string().min(1).max(256),
    password: hiddenText(4_096).optional(),
    certificate: z.string().min(1).max(65_536).optional(),
    key: hiddenText(65_536).optional(),
  })
  .refine(secret => secret.password !== undefined || secret.key !== undefined, 'has neither password nor key')
  .refine(secret => (secret.certificate === undefined) === (secret.key === undefined), 'has half a key pair');

/** What the gateway signs in with at a target. Only `SecretValue.reveal` shows what is secret in it. */
export type TargetSecret = Readonly<z.output<typeof targetSecretSchema>>;

export interface TargetSecretsOptions {
  readonly client: SecretsManagerClient;
  /** Milliseconds since the epoch [`Date.now`]. */
  readonly now?: () => number;
  /** How long a secret is kept in memory [30 s]. */
  readonly keepMs?: number;
}

/** A client with deadlines: somebody waits to sign in. */
export function makeSecretsClient(): SecretsManagerClient {
  return new SecretsManagerClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
  });
}

/** Secrets of targets, kept for seconds so that a burst of sessions does not meet the limits of the service. */
export class TargetSecrets {
  readonly #client: SecretsManagerClient;
  readonly #now: () => number;
  readonly #keepMs: number;
  readonly #kept = new Map<string, { readonly until: number; readonly secret: Promise<TargetSecret> }>();

  constructor(options: TargetSecretsOptions) {
    this.#client = options.client;
    this.#now = options.now ?? Date.now;
    this.#keepMs = options.keepMs ?? 30_000;
  }

  /**
   * The secret with this name or ARN, in its current version.
   *
   * @throws {SallyportError} `targetUnavailable` when there is none or it is not of the form;
   *   `controlPlaneUnavailable` when Secrets Manager does not answer. Nothing of the secret is in it.
   */
  get(secretId: string): Promise<TargetSecret> {
    const now = this.#now();
    for (const [id, entry] of this.#kept) if (entry.until <= now) this.#kept.delete(id);
    const kept = this.#kept.get(secretId);
    if (kept) return kept.secret;
    const secret = this.#fetch(secretId);
    const entry = { until: now + this.#keepMs, secret };
    this.#kept.set(secretId, entry);
    // A failure is not kept; whoever waits for it is told.
    secret.catch(() => {
      if (this.#kept.get(secretId) === entry) this.#kept.delete(secretId);
    });
    return secret;
  }

  /** Forgets a secret, after a target refused it: it may have been rotated. */
  forget(secretId: string): void {
    this.#kept.delete(secretId);
  }

  async #fetch(secretId: string): Promise<TargetSecret> {
    const text = await this.#read(secretId);
    const secret = targetSecretSchema.safeParse(parseJson(text));
    if (secret.success) return secret.data;
    // Names of members and what is wrong with them; zod's messages hold no values.
    const faults = secret.error.issues.map(issue => [...issue.path, issue.code].join(' ')).join(', ');
    throw new SallyportError(
      'targetUnavailable',
      'The secret of the target is not of the form it must have.',
      {
        cause: new Error(faults),
      },
    );
  }

  async #read(SecretId: string): Promise<string | undefined> {
    try {
      return (await this.#client.send(new GetSecretValueCommand({ SecretId }))).SecretString;
    } catch (cause) {
      if (cause instanceof ResourceNotFoundException) {
        throw new SallyportError('targetUnavailable', 'There is no secret for the target.', { cause });
      }
      throw new SallyportError('controlPlaneUnavailable', 'The secret of the target cannot be read.', {
        cause,
      });
    }
  }
}

/** undefined for what is not JSON: a SyntaxError would quote the secret. */
function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
