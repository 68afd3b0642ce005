import type { Identity } from '#gateway/pipeline/identity.ts';
import type { AccessGrant, Lock } from '#lib/aws/access-records.ts';
import type { ControlPlane } from '#lib/aws/control-plane.ts';
import { SallyportError } from '#lib/errors.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';

/** A lock must end sessions within five seconds, with time to answer and to act. */
const refreshMs = 2_000;

/** What the control plane said of a principal at a target. */
export interface Access {
  readonly grants: readonly AccessGrant[];
  readonly locks: readonly Lock[];
}

/**
 * The policy in force: asked for when a session opens, and every few seconds, so that sessions that run
 * follow a change. When the control plane is away the last snapshot goes on until its age limit; past it
 * nothing is permitted.
 */
export class PolicySource {
  readonly #control: Pick<ControlPlane, 'lookup'>;
  readonly #onLocks: (locks: readonly Lock[]) => void;
  readonly #onFault: (fault: unknown) => void;
  readonly #now: () => number;
  #snapshot: Snapshot | undefined;
  #engine: PolicyEngine | undefined;
  #validUntil = 0;
  /** Number of the last question, and of the latest one that was answered. */
  #questions = 0;
  #answered = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #asking = new Map<string, Promise<Access>>();

  constructor(options: {
    readonly control: Pick<ControlPlane, 'lookup'>;
    /** All locks there are, at every refresh. */
    readonly onLocks: (locks: readonly Lock[]) => void;
    readonly onFault: (fault: unknown) => void;
    readonly now?: () => number;
  }) {
    this.#control = options.control;
    this.#onLocks = options.onLocks;
    this.#onFault = options.onFault;
    this.#now = options.now ?? Date.now;
  }

  /** Begins to refresh. Does not wait: until the first answer nothing is permitted. */
  start(): void {
    const refresh = async (): Promise<void> => {
      try {
        this.#onLocks((await this.#lookup(null, null)).locks);
      } catch (fault) {
        this.#onFault(fault);
      }
      if (this.#timer) this.#timer = setTimeout(refresh, refreshMs).unref();
    };
    this.#timer = setTimeout(refresh, 0).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Asks for a session that opens. Sessions of one principal that open at one target at the same time share a
   * question: what changes meanwhile reaches them by the next refresh. Rejects with `controlPlaneUnavailable`.
   */
  access(identity: Identity, target: string): Promise<Access> {
    const key = JSON.stringify([identity.issuer, identity.subject, identity.onBehalfOf?.subject, target]);
    const asked = this.#asking.get(key);
    if (asked) return asked;
    const question = this.#lookup(identity, target).finally(() => this.#asking.delete(key));
    this.#asking.set(key, question);
    return question;
  }

  get ready(): boolean {
    return this.#engine !== undefined && !this.expired(this.#now());
  }

  expired(now: number): boolean {
    return now > this.#validUntil;
  }

  /** Throws `controlPlaneUnavailable` before the first snapshot. */
  get engine(): PolicyEngine {
    if (this.#engine) return this.#engine;
    throw new SallyportError('controlPlaneUnavailable', 'there is no policy yet');
  }

  get snapshot(): Snapshot {
    if (this.#snapshot) return this.#snapshot;
    throw new SallyportError('controlPlaneUnavailable', 'there is no policy yet');
  }

  async #lookup(identity: Identity | null, target: string | null): Promise<Access> {
    const asked = this.#now();
    this.#questions += 1;
    const question = this.#questions;
    const known = this.#snapshot?.version;
    const answer = await this.#control.lookup({
      principal: identity && {
        issuer: identity.issuer,
        subject: identity.subject,
        ...(identity.onBehalfOf ? { onBehalfOf: { subject: identity.onBehalfOf.subject } } : {}),
      },
      target,
      ...(known === undefined ? {} : { known }),
    });
    // Answers may overtake one another: what was asked earlier never replaces what was asked later.
    const overtaken = question < this.#answered;
    this.#answered = Math.max(this.#answered, question);
    if (!overtaken && answer.snapshot && answer.snapshot.version !== this.#snapshot?.version) {
      this.#engine = PolicyEngine.load(answer.snapshot);
      this.#snapshot = answer.snapshot;
    }
    // By this task's own clock, from before the question: the answer can only be younger.
    this.#validUntil = Math.max(this.#validUntil, asked + answer.maxAgeMs);
    return answer;
  }
}
