/**
 * What a client asks a target to do, in words that every protocol shares. Policy sees operations, people see
 * the text, evidence keeps the digest.
 */

/** One thing that a command would do. A command runs only if every one of its operations is permitted. */
export interface Operation {
  /** The Cedar action: `postgres:select`, `ssh:exec`. */
  readonly action: string;
  /** What it touches, in the protocol's terms: `public.orders`, `/etc/passwd`. Sorted, no duplicates. */
  readonly objects: readonly string[];
}

/** Facts that raise or lower the risk. Absent knowledge is the risky value. */
export interface Risk {
  /** Data or state of the target may change. */
  readonly writes: boolean;
  /** Definitions may change. */
  readonly ddl: boolean;
  /** An UPDATE or DELETE that nothing narrows. */
  readonly noWhere: boolean;
  /** How many statements the text holds. */
  readonly statements: number;
  /** The text runs code or text that the gateway cannot read. */
  readonly opaque: boolean;
  /** It calls functions, procedures or operators by name whose code the gateway does not know. */
  readonly unknownCode: boolean;
}

/** The part of a command that policy looks at. Immutable; shared between executions, its identity is a cache key. */
export interface CommandFacts {
  readonly protocol: string;
  /** In the protocol's own words: `SELECT`, `exec`, `sftp:write`. Several are joined by `; `. */
  readonly verb: string;
  readonly operations: readonly Operation[];
  /** Functions and procedures called, as written, lower case. */
  readonly functions: readonly string[];
  readonly risk: Risk;
}

/** How many names facts hold, some 100 bytes each: what bounds how many are kept. */
export function namesIn({ operations, functions }: CommandFacts): number {
  let names = functions.length;
  for (const { objects } of operations) names += objects.length;
  return names;
}

/** One execution. */
export interface Command {
  readonly facts: CommandFacts;
  /** SHA-256 of the exact bytes of the text, lower-case hex. */
  readonly digest: string;
  /** Length of the text in bytes. */
  readonly bytes: number;
  /** It has no text of its own, so that people ask about it by its action (`explain --action`). */
  readonly byAction?: true;
  /** Why the text could not be read, for the person who sent it. May quote the text. */
  readonly unreadable?: string | undefined;
  /** It is no text of the protocol's language, and the target would say so: the character where, from 1; 0: unknown. */
  readonly syntaxErrorAt?: number | undefined;
}
