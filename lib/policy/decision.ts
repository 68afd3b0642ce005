import type { CommandFacts } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';

/** How durable the record of a command must be before the command is forwarded. */
export type Durability = 'strict' | 'local' | 'async';

/** What policy is asked: everything that can influence the answer, and nothing else. */
export interface DecisionInput {
  readonly principal: Principal;
  readonly target: {
    readonly name: string;
    readonly protocol: string;
    readonly tags: Readonly<Record<string, string>>;
  };
  /** `undefined` asks for the opening of a session (action `connect`). */
  readonly command: CommandFacts | undefined;
  readonly context: {
    /** Database within the target, or another protocol's equivalent. */
    readonly database?: string;
    readonly sourceAddress: string;
    /** Milliseconds since the epoch. */
    readonly now: number;
    readonly grant?: { readonly id: string; readonly reason: string };
  };
}

export interface Decision {
  readonly effect: 'allow' | 'deny';
  /** Ids of the policies that made it, sorted. Empty when nothing matched, which is a denial. */
  readonly policies: readonly string[];
  /** What to tell the client: the `@message` of the deciding policies, or what was missing. */
  readonly message: string;
  /** Annotations of the deciding policies that say what follows. */
  readonly durability: Durability;
  readonly approve?: string;
  readonly mask?: readonly string[];
  readonly reason?: 'required';
  /** Session limits (only on `connect`). */
  readonly idleTimeoutMs?: number;
  readonly maxSessionMs?: number;
  /** Version of the policy snapshot. */
  readonly version: string;
  /** SHA-256 over the canonical form (RFC 8785) of what was asked. */
  readonly inputDigest: string;
}
