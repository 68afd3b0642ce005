import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, story, toStandardError } from '#functions/middleware/problems.ts';
import type { KeyBinding } from '#lib/aws/key-store.ts';
import { SallyportError } from '#lib/errors.ts';
import type { AuthorizationServer } from '#lib/identity/authorization-server.ts';
import type { Principal } from '#lib/identity/principal.ts';

export interface CheckSources {
  readonly keys: {
    find(fingerprint: string): Promise<KeyBinding | undefined>;
    replace(binding: KeyBinding, was: KeyBinding): Promise<boolean>;
    remove(binding: KeyBinding): Promise<void>;
  };
  readonly provider: Pick<AuthorizationServer, 'refresh'>;
  /** Who the bearer of an access token is: `TokenVerifier.verify`. */
  readonly verify: (accessToken: string) => Promise<Principal>;
  /** For so long an answer of the provider is relied on: what ended meanwhile is noticed that much later. */
  readonly checkMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
  /** [one line of JSON on standard error] */
  readonly log?: Log;
}

/** A token that ends sooner than this is renewed at once. */
const minLifeMs = 30_000;
/** Nobody asks the provider about a key for longer. */
const busyMs = 10_000;
/** For so long whoever comes meanwhile waits for the one who asks. */
const waitMs = 4_000;
const lookEveryMs = 100;
/** A provider that does not answer is left alone for so long. */
const retryMs = 15_000;
/** The time of last use is written no more often than this. */
const useEveryMs = 60_000;

/**
 * Whom a key is bound to, as long as the session at the identity provider stands.
 *
 * Past `checkMs` the provider is asked by the refresh token. It gives new tokens: groups and name follow them. It
 * says `invalid_grant`: the session has ended, and the binding with it. It does not answer: the last token that was
 * verified holds until it expires, then nobody is let in.
 *
 * A refresh token works once with many providers, and a second use of it ends everything. So one caller asks at a
 * time and the others wait; an answer that gets lost on the way costs the binding, and the person a sign-in.
 *
 * @param from of the client; undefined when the key is not about to be used.
 * @returns undefined when the key is bound to nobody, or no longer.
 * @throws {SallyportError} `controlPlaneUnavailable` when nobody can tell.
 */
export async function principalOfKey(
  sources: CheckSources,
  fingerprint: string,
  from: string | undefined,
): Promise<Principal | undefined> {
  const { keys, now, wait = sleep } = sources;
  const deadline = now() + waitMs;
  for (;;) {
    const binding = await keys.find(fingerprint);
    if (binding === undefined) return undefined;
    const at = now();
    if (!isDue(sources, binding, at)) return use(sources, binding, from);
    if ((binding.retryAt ?? 0) > at) return lastKnown(binding, at);
    if ((binding.busyUntil ?? 0) <= at) {
      const asking = { ...binding, busyUntil: at + busyMs, revision: binding.revision + 1 };
      if (await keys.replace(asking, binding)) return check(sources, asking, at, from);
    }
    if (at >= deadline) return lastKnown(binding, at);
    await wait(lookEveryMs);
  }
}

function isDue({ checkMs }: CheckSources, { refreshToken, checkedAt, principal }: KeyBinding, at: number) {
  if (refreshToken === undefined) return false;
  return at - checkedAt >= checkMs || principal.expiresAt * 1000 - at < minLifeMs;
}

async function check(
  { keys, provider, verify, now, log = toStandardError }: CheckSources,
  asking: KeyBinding,
  checkedAt: number,
  from: string | undefined,
): Promise<Principal | undefined> {
  const { busyUntil: _, retryAt: __, ...binding } = { ...asking, revision: asking.revision + 1 };
  let refreshToken = asking.refreshToken ?? '';
  try {
    const answer = await provider.refresh(refreshToken);
    if (answer.kind === 'error') {
      if (answer.error !== 'invalid_grant') throw notAnswering(new Error(answer.error));
      await keys.remove(asking);
      return undefined;
    }
    refreshToken = answer.refreshToken ?? refreshToken;
    const principal = await verify(answer.accessToken);
    if (!isSame(principal, asking.principal)) throw new SallyportError('unauthenticated', 'Somebody else.');
    const used = from === undefined ? {} : { lastUsedAt: checkedAt, lastUsedFrom: from };
    const renewed = { ...binding, ...used, principal, refreshToken, checkedAt };
    // False when the key was revoked while the provider was asked.
    return (await keys.replace(renewed, asking)) ? answered(renewed) : undefined;
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    log({ level: 'warn', code: error.code, error: story(error) });
    if (error.code === 'unauthenticated') {
      await keys.remove(asking);
      return undefined;
    }
    const at = now();
    if (await keys.replace({ ...binding, refreshToken, retryAt: at + retryMs }, asking)) {
      return lastKnown(binding, at);
    }
    throw error;
  }
}

/** Notes the use of a key now and then. Losing against another change of the binding does no harm. */
async function use({ keys, now }: CheckSources, binding: KeyBinding, from: string | undefined) {
  const at = now();
  const { lastUsedAt = 0, lastUsedFrom } = binding;
  if (from !== undefined && (from !== lastUsedFrom || at - lastUsedAt >= useEveryMs)) {
    const used = { ...binding, lastUsedAt: at, lastUsedFrom: from, revision: binding.revision + 1 };
    await keys.replace(used, binding);
  }
  return answered(binding);
}

/** The provider cannot be asked: what it said last holds as long as it said. */
function lastKnown(binding: KeyBinding, at: number): Principal {
  if (binding.principal.expiresAt * 1000 > at) return answered(binding);
  throw notAnswering(new Error('The last token has expired.'));
}

/** Nobody relies on it for longer than the binding lasts. */
function answered({ principal, endsAt }: KeyBinding): Principal {
  return { ...principal, expiresAt: Math.min(principal.expiresAt, Math.floor(endsAt / 1000)) };
}

function isSame(one: Principal, other: Principal): boolean {
  return one.issuer === other.issuer && one.subject === other.subject && one.kind === other.kind;
}

function notAnswering(cause: unknown): SallyportError {
  return new SallyportError(
    'controlPlaneUnavailable',
    'The identity provider cannot be asked about the session of this key.',
    { cause },
  );
}
