import { Sha256 } from '@aws-crypto/sha256-js';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { z } from 'zod';
import {
  type BindAnswer,
  bindAnswerSchema,
  keyLookupAnswerSchema,
  type LoginAnswer,
  type LoginPurpose,
  type LoginState,
  type LookupAnswer,
  type LookupRequest,
  loginAnswerSchema,
  loginStateSchema,
  lookupAnswerSchema,
  type Problem,
  problemSchema,
  redeemAnswerSchema,
} from '#lib/aws/control-api.ts';
import { readBounded } from '#lib/bounded-body.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { targetName } from '#lib/policy/config/targets.ts';
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
  /** The same for calls in which the identity provider takes part [10 s]. */
  readonly signInDeadlineMs?: number;
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
  readonly #signInDeadlineMs: number;
  readonly #fetch: typeof fetch;

  /** @throws {TypeError} naming the option that cannot be. */
  constructor(options: ControlPlaneOptions) {
    this.#url = secureUrl(options.url, 'url');
    this.#deadlineMs = options.deadlineMs ?? 3_000;
    this.#signInDeadlineMs = options.signInDeadlineMs ?? 10_000;
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
    if (!targetName.safeParse(target).success) throw wrongTarget();
    const signal = AbortSignal.timeout(this.#deadlineMs);
    const answer = await this.#post('/v1/tickets/redeem', { ticket, target }, signal).catch(unavailable);
    if (answer.status === 200) return checked(redeemAnswerSchema, answer.body).principal;
    const code = problemOf(answer)?.code;
    if (answer.status === 401 && code === 'unauthenticated') {
      throw new SallyportError('unauthenticated', 'The ticket is unknown, used or expired.', {
        hint: 'Get a new one with "sallyport ticket TARGET".',
      });
    }
    if (answer.status === 409 && code === 'wrongTarget') {
      throw wrongTarget();
    }
    return unavailable(answer);
  }

  /**
   * Begins a sign-in in a browser, for a client at the address `from` that cannot carry a token. Show the person
   * `userCode` and `verificationUriComplete`, and ask `pollLogin` every `intervalMs`.
   *
   * @param purpose `key` when `bindKey` is to follow, `session` when not.
   */
  async beginLogin(from: string, purpose: LoginPurpose = 'key'): Promise<LoginAnswer> {
    const answer = await this.#askSignIn('/v1/logins', { from, purpose });
    return answer.status === 201 ? checked(loginAnswerSchema, answer.body) : unavailable(answer);
  }

  /**
   * How a sign-in stands. `done` comes once, and `denied` and `expired` end it: after any of them the sign-in is
   * unknown. Ask no more often than the last `intervalMs` says.
   *
   * @throws {SallyportError} `unauthenticated` when there is no such sign-in any more, or when the token that it
   *   led to is not accepted; the message says what is wrong with that.
   */
  async pollLogin(id: string): Promise<LoginState> {
    const answer = await this.#askSignIn(`/v1/logins/${encodeURIComponent(id)}`, {});
    if (answer.status === 200) return checked(loginStateSchema, answer.body);
    const problem = problemOf(answer);
    if (problem?.code === 'notFound') {
      throw new SallyportError('unauthenticated', 'The sign-in is over.', { hint: 'Sign in once more.' });
    }
    if (problem?.code === 'unauthenticated') throw new SallyportError('unauthenticated', problem.title);
    return unavailable(answer);
  }

  /**
   * Binds a public key to the sign-in that `pollLogin` has found to be `done`, once. Call it only when the client
   * has proved in this connection that it holds the private key.
   *
   * @param publicKey the key blob in base64.
   * @throws {SallyportError} `forbidden`, with the reason: policy does not permit it, or the key is somebody
   *   else's, or no key that can be bound. The sign-in itself is as good as before.
   */
  async bindKey(key: { loginId: string; publicKey: string; comment?: string }): Promise<BindAnswer> {
    const answer = await this.#askSignIn('/v1/keys', key);
    if (answer.status === 201) return checked(bindAnswerSchema, answer.body);
    const problem = problemOf(answer);
    const refused = ['forbidden', 'keyInUse', 'invalidRequest', 'notFound'];
    if (problem && refused.includes(problem.code)) throw new SallyportError('forbidden', problem.title);
    return unavailable(answer);
  }

  /**
   * Whom a key is bound to; undefined when to nobody, or no longer. The identity provider is asked in between
   * whether the session still stands, so this can take a second.
   *
   * @param fingerprint as `fingerprintOf` makes it.
   * @param from the client's address, for the list of keys.
   */
  async principalOfKey(fingerprint: string, from?: string): Promise<Principal | undefined> {
    const request = { fingerprint, ...(from !== undefined && { from }) };
    const answer = await this.#askSignIn('/v1/keys/lookup', request);
    if (answer.status === 200) return checked(keyLookupAnswerSchema, answer.body).principal;
    return problemOf(answer)?.code === 'notFound' ? undefined : unavailable(answer);
  }

  /** Never asked twice: an answer that got lost may have been the one that counted. */
  #askSignIn(path: string, body: unknown): Promise<Answer> {
    return this.#post(path, body, AbortSignal.timeout(this.#signInDeadlineMs)).catch(unavailable);
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

/** The problem that a function answered with: its status and its code must fit. */
function problemOf({ status, body }: Answer): Problem | undefined {
  const problem = problemSchema.safeParse(body);
  return problem.success && problem.data.status === status ? problem.data : undefined;
}

function wrongTarget(): SallyportError {
  return new SallyportError('unauthenticated', 'The ticket is for another target.', {
    hint: 'Open the target that it was made for, or get one for this target.',
  });
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
