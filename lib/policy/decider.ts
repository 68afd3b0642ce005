import { type CommandFacts, namesIn } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';
import type { Decision, DecisionInput } from '#lib/policy/decision.ts';
import type { PolicyEngine } from '#lib/policy/engine.ts';
import { minuteOf } from '#lib/policy/request.ts';

const maxEntries = 1024;
/** Names in the facts of all that is kept, some 100 bytes each: whoever sends long lists of tables keeps fewer. */
const maxNames = 50_000;

/**
 * The decisions of one session. What cannot change within it is given once; facts are told apart by identity, so
 * that a statement seen before costs one look into a map.
 *
 * It knows nothing of expiry: the caller checks that grant and credential still hold.
 */
export class Decider {
  readonly #session: Omit<DecisionInput, 'command' | 'context'> & {
    readonly context: Omit<DecisionInput['context'], 'now'>;
  };
  /** `undefined` is the question whether the session may be opened. Oldest first. */
  readonly #decisions = new Map<CommandFacts | undefined, Decision>();
  /** Names in what `#decisions` is kept by. */
  #names = 0;
  #engine: PolicyEngine;
  /** The minute that all of `#decisions` are of, where policies look at the time. */
  #minute = Number.NaN;

  constructor(
    engine: PolicyEngine,
    principal: Principal,
    target: DecisionInput['target'],
    place: string | undefined,
    sourceAddress: string,
    grant: DecisionInput['context']['grant'] | undefined,
  ) {
    this.#engine = engine;
    this.#session = {
      principal,
      target,
      context: {
        sourceAddress,
        ...(place === undefined ? {} : { place }),
        ...(grant === undefined ? {} : { grant }),
      },
    };
  }

  /** From now on decides by another snapshot. */
  use(engine: PolicyEngine): void {
    if (engine.version === this.#engine.version) return;
    this.#engine = engine;
    this.#clear();
  }

  /** The version of the snapshot that is decided by. */
  get version(): string {
    return this.#engine.version;
  }

  /** `facts` undefined asks whether the session may be opened. `nowMs` is milliseconds since the epoch. Never throws. */
  decide(facts: CommandFacts | undefined, nowMs: number): Decision {
    if (this.#engine.timeMatters) {
      const minute = minuteOf(nowMs);
      if (minute !== this.#minute) {
        this.#clear();
        this.#minute = minute;
      }
    }
    const known = this.#decisions.get(facts);
    return known ?? this.#decideAndKeep(facts, nowMs);
  }

  #decideAndKeep(facts: CommandFacts | undefined, nowMs: number): Decision {
    const { principal, target, context } = this.#session;
    const decision = this.#engine.decide({
      principal,
      target,
      command: facts,
      context: { ...context, now: nowMs },
    });
    this.#decisions.set(facts, decision);
    this.#names += facts === undefined ? 0 : namesIn(facts);
    for (const oldest of this.#decisions.keys()) {
      const fits = this.#decisions.size <= maxEntries && this.#names <= maxNames;
      if (fits || oldest === facts) break;
      this.#decisions.delete(oldest);
      this.#names -= oldest === undefined ? 0 : namesIn(oldest);
    }
    return decision;
  }

  #clear(): void {
    this.#decisions.clear();
    this.#names = 0;
  }
}
