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
    /** Within the target: a database, a login on a host. */
    readonly place?: string;
    readonly sourceAddress: string;
    /** Milliseconds since the epoch. Policies see the start of its minute. */
    readonly now: number;
    readonly grant?: { readonly id: string; readonly reason: string };
  };
}

/** What the control plane asks before it serves a person: action `sessions:list` and its like. */
export interface SystemInput {
  readonly principal: Principal;
  readonly action: string;
  readonly context: { readonly sourceAddress: string; readonly now: number };
}

export interface Decision {
  readonly effect: 'allow' | 'deny';
  /** Ids of the policies that made it, sorted. Empty when nothing matched, which is a denial. */
  readonly policies: readonly string[];
  /** What to tell the client: the `@message` of the deciding policies, or what was missing. */
  readonly message: string;
  /** Annotations of the deciding policies that say what follows. */
  readonly durability: Durability;
  /** Names of entries of approvals.yaml, sorted: each of them has to approve. */
  readonly approve?: readonly string[];
  /** Classes of masks.yaml whose values are masked, sorted. */
  readonly mask?: readonly string[];
  /** What passes through a file is not kept, only its digest. */
  readonly files?: 'hashed';
  readonly reason?: 'required';
  /** Session limits (only on `connect`). */
  readonly idleTimeoutMs?: number;
  readonly maxSessionMs?: number;
  /** Policies that Cedar could not evaluate, and why. There is one: the effect is `deny`. */
  readonly errors?: readonly string[];
  /** Version of the policy snapshot. */
  readonly version: string;
  /** SHA-256, lower-case hex, over the canonical form (RFC 8785) of what was asked. */
  readonly inputDigest: string;
}
