import { type Log, story, toStandardError } from '#functions/middleware/problems.ts';
import type { LoginState } from '#lib/aws/control-api.ts';
import type { PendingLogin, StoredLogin } from '#lib/aws/login-store.ts';
import { SallyportError } from '#lib/errors.ts';
import type { AuthorizationServer, TokenAnswer } from '#lib/identity/authorization-server.ts';
import type { Principal } from '#lib/identity/principal.ts';

export interface PollSources {
  readonly logins: {
    replace(login: StoredLogin, was: StoredLogin): Promise<boolean>;
    find(id: string): Promise<StoredLogin | undefined>;
    remove(was: StoredLogin): Promise<void>;
  };
  readonly provider: Pick<AuthorizationServer, 'redeemDeviceCode'>;
  /** Who the bearer of an access token is: `TokenVerifier.verify`. */
  readonly verify: (accessToken: string) => Promise<Principal>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** [one line of JSON on standard error] */
  readonly log?: Log;
}

/** For so long after it is done, a key can be bound to a sign-in. */
export const bindWithinMs = 60_000;

/** RFC 8628 section 3.5: `slow_down` adds five seconds, for good. */
const slowDownMs = 5_000;
/** The longest wait between two questions to a provider that does not answer. */
const maxPauseMs = 60_000;

/**
 * Asks the provider how a sign-in stands, unless it was asked less than an interval ago; whoever asks more often
 * is told that it is pending. Of any number of callers at once one asks, and one is told `done`.
 *
 * @throws {SallyportError} `unauthenticated` when the token that came of it is not accepted: the sign-in is then over.
 */
export async function poll(sources: PollSources, login: PendingLogin): Promise<LoginState> {
  const { logins, provider, now } = sources;
  const askedAt = now();
  if (askedAt >= login.notAfter) {
    await logins.remove(login);
    return { state: 'expired' };
  }
  const { intervalMs } = login;
  if (askedAt < login.nextPollAt) return { state: 'pending', intervalMs };
  const asking = { ...login, nextPollAt: askedAt + intervalMs, revision: login.revision + 1 };
  if (!(await logins.replace(asking, login))) return { state: 'pending', intervalMs };
  let answer: TokenAnswer;
  try {
    answer = await provider.redeemDeviceCode(login.deviceCode);
  } catch (error) {
    return later(sources, asking, error);
  }
  return settle(sources, asking, answer);
}

async function settle(sources: PollSources, login: PendingLogin, answer: TokenAnswer): Promise<LoginState> {
  if (answer.kind === 'tokens') return finish(sources, login, answer);
  switch (answer.error) {
    case 'authorization_pending':
      return { state: 'pending', intervalMs: login.intervalMs };
    case 'slow_down':
      return wait(sources, login, { intervalMs: login.intervalMs + slowDownMs, failures: 0 });
    case 'access_denied':
      await sources.logins.remove(login);
      return { state: 'denied' };
    // The second is what a provider says of a code that it has forgotten.
    case 'expired_token':
    case 'invalid_grant':
      await sources.logins.remove(login);
      return { state: 'expired' };
    default:
      throw new SallyportError('controlPlaneUnavailable', 'The identity provider refuses our client.', {
        cause: new Error(answer.error),
      });
  }
}

/** The provider is away: RFC 8628 section 3.5 asks for exponential pauses. */
function later(sources: PollSources, login: PendingLogin, error: unknown): Promise<LoginState> {
  if (!(error instanceof SallyportError && error.code === 'controlPlaneUnavailable')) throw error;
  const { log = toStandardError } = sources;
  log({ level: 'warn', code: error.code, error: story(error) });
  return wait(sources, login, { intervalMs: login.intervalMs, failures: login.failures + 1 });
}

async function wait(
  { logins, now }: PollSources,
  login: PendingLogin,
  { intervalMs, failures }: { readonly intervalMs: number; readonly failures: number },
): Promise<LoginState> {
  const pauseMs = Math.max(intervalMs, Math.min(intervalMs * 2 ** failures, maxPauseMs));
  const nextPollAt = now() + pauseMs;
  await logins.replace({ ...login, intervalMs, failures, nextPollAt, revision: login.revision + 1 }, login);
  return { state: 'pending', intervalMs: pauseMs };
}

async function finish(
  { logins, verify, now }: PollSources,
  login: PendingLogin,
  { accessToken, refreshToken }: Extract<TokenAnswer, { kind: 'tokens' }>,
): Promise<LoginState> {
  let principal: Principal;
  try {
    principal = await verify(accessToken);
  } catch (error) {
    // The code is used up: there is no second try.
    await logins.remove(login);
    throw error;
  }
  if (login.purpose === 'session') {
    await logins.remove(login);
    return { state: 'done', principal };
  }
  const { id, purpose, from } = login;
  const done: StoredLogin = {
    ...{ id, purpose, from, state: 'done', principal },
    ...(refreshToken !== undefined && { refreshToken }),
    notAfter: now() + bindWithinMs,
    revision: 0,
  };
  // Somebody who asked while the provider took its time has moved the sign-in on; what we got is what counts.
  for (let was: StoredLogin | undefined = login; was?.state === 'pending'; was = await logins.find(id)) {
    if (await logins.replace({ ...done, revision: was.revision + 1 }, was)) break;
  }
  return { state: 'done', principal };
}
