import { Sha256 } from '@aws-crypto/sha256-js';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { z } from 'zod';
import {
  type LookupAnswer,
  type LookupRequest,
  lookupAnswerSchema,
  problemSchema,
  redeemAnswerSchema,
} from '#lib/aws/control-api.ts';
import { readBounded } from '#lib/bounded-body.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { maxSnapshotBytes, parseSnapshot, type Snapshot } from '#lib/policy/snapshot.ts';
import { secureUrl } from '#lib/secure-url.ts';

export interface ControlPlaneOptions {
  /** Base of the HTTP API: `https:`, or `http:` on loopback, since tickets pass through it. */
  readonly url: string;
  readonly region: string;
  /** AWS credentials [as the SDK finds them]. */
  readonly credentials?: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
  /** For the whole of one call, a second attempt included [3 s]. */
  readonly deadlineMs?: number;
  readonly fetch?: typeof fetch;
}

/** A look-up, its snapshot read and checked. */
export type Lookup = Omit<LookupAnswer, 'snapshot'> & {
  /** Undefined when it is the one that was named as known. */
  readonly snapshot: Snapshot | undefined;
};

/** A snapshot at its longest, with room for escapes, grants and locks; Lambda answers with 6 MB at most. */
const maxAnswerBytes = 6 * maxSnapshotBytes;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * The gateway's side of the control plane. Requests are signed (Signature Version 4, service `execute-api`).
 *
 * Whatever goes wrong on the way is `controlPlaneUnavailable`; the cause says what, for the log.
 */
export class ControlPlane {
  readonly #url: URL;
  readonly #signer: SignatureV4;
  readonly #deadlineMs: number;
  readonly #fetch: typeof fetch;

  /** @throws {TypeError} naming the option that cannot be. */
  constructor(options: ControlPlaneOptions) {
    this.#url = secureUrl(options.url, 'url');
    this.#deadlineMs = options.deadlineMs ?? 3_000;
    this.#fetch = options.fetch ?? fetch;
    this.#signer = new SignatureV4({
      service: 'execute-api',
      region: options.region,
      credentials: options.credentials ?? defaultProvider(),
      sha256: Sha256,
    });
  }

  /**
   * The policy in force, and grants and locks that concern a principal at a target. Asked once more when the
   * first attempt brings nothing, within the same deadline.
   */
  async lookup(request: LookupRequest): Promise<Lookup> {
    const signal = AbortSignal.timeout(this.#deadlineMs);
    const first = await this.#post('/v1/lookup', request, signal).catch((error: unknown) => error);
    const again = isAnswer(first) ? first.status === 429 || first.status >= 500 : !signal.aborted;
    const answer = again ? await this.#post('/v1/lookup', request, signal).catch(unavailable) : first;
    if (!isAnswer(answer)) return unavailable(answer);
    if (answer.status !== 200) return unavailable(answer);
    const { snapshot, ...rest } = checked(lookupAnswerSchema, answer.body);
    return { ...rest, snapshot: readSnapshot(snapshot, rest.version, request.known) };
  }

  /**
   * Uses a ticket up. Never asked twice: the first attempt may have been the one that counted.
   *
   * @throws {SallyportError} `unauthenticated` when the ticket is no good for this target.
   */
  async redeemTicket(ticket: string, target: string): Promise<Principal> {
    const signal = AbortSignal.timeout(this.#deadlineMs);
    const answer = await this.#post('/v1/tickets/redeem', { ticket, target }, signal).catch(unavailable);
    if (answer.status === 200) return checked(redeemAnswerSchema, answer.body).principal;
    const problem = problemSchema.safeParse(answer.body);
    const code = problem.success ? problem.data.code : undefined;
    if (answer.status === 401 && code === 'unauthenticated') {
      throw new SallyportError('unauthenticated', 'The ticket is unknown, used or expired.', {
        hint: 'Get a new one with "sallyport ticket TARGET".',
      });
    }
    if (answer.status === 409 && code === 'wrongTarget') {
      throw new SallyportError('unauthenticated', 'The ticket is for another target.', {
        hint: 'Open the target that it was made for, or get one for this target.',
      });
    }
    return unavailable(answer);
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    const url = new URL(this.#url.pathname.replace(/\/$/, '') + path, this.#url);
    const text = JSON.stringify(body);
    const signed = await this.#signer.sign({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: {},
      headers: { host: url.host, 'content-type': 'application/json' },
      body: text,
    });
    const response = await this.#fetch(url, {
      method: 'POST',
      headers: signed.headers,
      body: text,
      redirect: 'error',
      signal,
    });
    const bytes = await readBounded(response, maxAnswerBytes);
    return { status: response.status, body: parseJson(bytes) };
  }
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'status' in value && 'body' in value;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  return result.success ? result.data : unavailable(result.error);
}

function readSnapshot(value: unknown, version: string, known: string | undefined): Snapshot | undefined {
  if (value === undefined) {
    return version === known ? undefined : unavailable(new Error('The snapshot is missing.'));
  }
  try {
    const snapshot = parseSnapshot(value);
    if (snapshot.version !== version) throw new Error('The snapshot is of another version.');
    return snapshot;
  } catch (error) {
    return unavailable(error);
  }
}

/** `why`: what came instead of a usable answer. */
function unavailable(why: unknown): never {
  const cause = isAnswer(why) ? new Error(`The control plane answered ${why.status}.`) : why;
  throw new SallyportError('controlPlaneUnavailable', 'The control plane does not answer as it should.', {
    hint: 'Try again in a minute; if it stays so, tell whoever runs Sallyport.',
    cause,
  });
}
