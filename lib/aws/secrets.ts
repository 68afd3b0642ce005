import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { z } from 'zod';
import { SecretValue } from '#lib/aws/secret-value.ts';
import { SallyportError } from '#lib/errors.ts';

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
  readonly #kept = new Map<string, { readonly until: number; readonly text: Promise<SecretValue> }>();

  constructor(options: TargetSecretsOptions) {
    this.#client = options.client;
    this.#now = options.now ?? Date.now;
    this.#keepMs = options.keepMs ?? 30_000;
  }

  /**
   * The secret with this name or ARN, in its current version: JSON of the given form.
   *
   * @throws {SallyportError} `targetUnavailable` when there is none or it is not of the form;
   *   `controlPlaneUnavailable` when Secrets Manager does not answer. Nothing of the secret is in it.
   */
  async get<Form extends z.ZodType>(secretId: string, form: Form): Promise<z.output<Form>> {
    const secret = form.safeParse(parseJson((await this.#text(secretId)).reveal()));
    if (secret.success) return secret.data;
    // Names of members and what is wrong with them; zod's messages hold no values.
    const faults = secret.error.issues.map(issue => [...issue.path, issue.code].join(' ')).join(', ');
    throw new SallyportError(
      'targetUnavailable',
      'The secret of the target is not of the form it must have.',
      { cause: new Error(faults) },
    );
  }

  #text(secretId: string): Promise<SecretValue> {
    const now = this.#now();
    for (const [id, entry] of this.#kept) if (entry.until <= now) this.#kept.delete(id);
    const kept = this.#kept.get(secretId);
    if (kept) return kept.text;
    const text = this.#read(secretId);
    const entry = { until: now + this.#keepMs, text };
    this.#kept.set(secretId, entry);
    // A failure is not kept; whoever waits for it is told.
    text.catch(() => {
      if (this.#kept.get(secretId) === entry) this.#kept.delete(secretId);
    });
    return text;
  }

  /** Forgets a secret, after a target refused it: it may have been rotated. */
  forget(secretId: string): void {
    this.#kept.delete(secretId);
  }

  async #read(SecretId: string): Promise<SecretValue> {
    try {
      return new SecretValue(
        (await this.#client.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '',
      );
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
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
