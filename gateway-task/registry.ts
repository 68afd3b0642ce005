import type { Gate } from '#gateway/pipeline/gate.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import type { Relay } from '#gateway/protocols/protocol.ts';
import type { Lock } from '#lib/aws/access-records.ts';
import { stops } from '#lib/aws/locks.ts';
import { SallyportError } from '#lib/errors.ts';

/** A session that runs in this task. */
export interface RunningSession {
  readonly grant: Grant;
  readonly protocol: string;
  readonly relay: Relay;
  readonly gate: Gate;
  readonly startedAt: number;
}

/** The sessions of this task, and everything that ends them from outside. */
export class Registry {
  readonly #sessions = new Map<string, RunningSession>();
  readonly #byCancelKey = new Map<string, RunningSession>();
  readonly #slots = new Map<string, number>();
  readonly #perPrincipal: number;
  #draining: SallyportError | undefined;

  constructor(sessionsPerPrincipal: number) {
    this.#perPrincipal = sessionsPerPrincipal;
  }

  /** Takes one of a principal's places before its session opens. Throws `tooMany`. @returns gives it back. */
  takePlace(principal: string): () => void {
    const taken = this.#slots.get(principal) ?? 0;
    if (taken >= this.#perPrincipal) {
      throw new SallyportError('tooMany', `you have ${taken} sessions open, which is as many as you may`, {
        hint: 'Close one and try again.',
      });
    }
    this.#slots.set(principal, taken + 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const left = (this.#slots.get(principal) ?? 1) - 1;
      if (left === 0) this.#slots.delete(principal);
      else this.#slots.set(principal, left);
    };
  }

  add(session: RunningSession): void {
    this.#sessions.set(session.grant.sessionId, session);
    if (session.relay.cancelKey) this.#byCancelKey.set(session.relay.cancelKey, session);
    if (this.#draining) session.relay.drain(this.#draining);
  }

  remove(session: RunningSession): void {
    this.#sessions.delete(session.grant.sessionId);
    if (session.relay.cancelKey) this.#byCancelKey.delete(session.relay.cancelKey);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Live sessions by protocol. */
  *counts(): Generator<readonly [string, number]> {
    const counts = new Map<string, number>();
    for (const { protocol } of this.#sessions.values()) counts.set(protocol, (counts.get(protocol) ?? 0) + 1);
    yield* counts;
  }

  /** Cancels what the session with this key does; nobody learns whether there is one. */
  async cancel(key: string): Promise<void> {
    await this.#byCancelKey.get(key)?.relay.cancel();
  }

  /** Ends one session. @returns whether it runs here. */
  kill(sessionId: string, by: string, reason: string): boolean {
    const session = this.#sessions.get(sessionId);
    session?.relay.end(
      new SallyportError('killed', `terminating connection: ended by ${by}`, { detail: `Reason: ${reason}` }),
    );
    return session !== undefined;
  }

  /** Ends what a lock covers. */
  enforce(locks: readonly Lock[], now: number): void {
    if (locks.length === 0) return;
    for (const session of this.#sessions.values()) {
      const lock = locks.find(candidate => covers(candidate, session.grant, now));
      if (lock)
        session.relay.end(new SallyportError('killed', `terminating connection: ${lockedWords(lock)}`));
    }
  }

  /** Ends what was idle or open for longer than its policy lets it. To be called about once a second. */
  sweep(now: number): void {
    for (const { grant, gate, relay, startedAt } of this.#sessions.values()) {
      const { idleTimeoutMs, maxSessionMs } = grant.decision;
      if (maxSessionMs !== undefined && now - startedAt > maxSessionMs) {
        relay.end(
          new SallyportError('timeout', 'terminating connection: the session has reached its longest time'),
        );
      } else if (idleTimeoutMs !== undefined && now - gate.lastActivity > idleTimeoutMs) {
        relay.end(new SallyportError('timeout', 'terminating connection: nothing has happened for too long'));
      } else if (grant.notAfter !== undefined && now > grant.notAfter) {
        relay.end(
          new SallyportError('killed', 'terminating connection: the grant that let you in has ended'),
        );
      }
    }
  }

  /** From now on sessions leave as soon as nothing of theirs is in flight. */
  drain(reason: SallyportError): void {
    this.#draining = reason;
    for (const { relay } of this.#sessions.values()) relay.drain(reason);
  }

  /** Ends every session now. */
  endAll(reason: SallyportError): void {
    for (const { relay } of this.#sessions.values()) relay.end(reason);
  }
}

/** Whether a lock that has not ended covers this session. */
export function covers(
  lock: Lock,
  { identity, target, accessGrantId }: Pick<Grant, 'identity' | 'target' | 'accessGrantId'>,
  now: number,
): boolean {
  if (lock.notAfter !== undefined && lock.notAfter <= now) return false;
  return stops(lock, {
    principal: identity,
    target,
    ...(accessGrantId === undefined ? {} : { grantId: accessGrantId }),
  });
}

export function lockedWords(lock: Lock): string {
  return `locked by ${lock.by.name}: ${lock.reason}`;
}
