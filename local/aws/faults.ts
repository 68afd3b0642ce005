/**
 * Faults on demand, for tests: the next calls of an operation fail, wait, never answer, or do their work and
 * lose the answer. The object lives in the process; nothing on a port can reach it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsError } from './service.ts';

export type Fault =
  /** Refused before any work. */
  | { readonly kind: 'error'; readonly code: string; readonly message?: string; readonly status?: number }
  /** The work begins this much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Neither work nor answer; the connection stays open. */
  | { readonly kind: 'hang' }
  /** The work is done, then the connection is cut. */
  | { readonly kind: 'drop' };

export interface FaultRule {
  /** The signing name: `dynamodb`, `secretsmanager`, `lambda`; `execute-api` for the HTTP API. */
  readonly service: string;
  /** `PutItem`; for the HTTP API the route key, `POST /v1/lookup`. Absent: any. */
  readonly operation?: string;
  /** How many calls it meets. Default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface Faults {
  /** Adds a rule; rules are used up in the order in which they were added. */
  next(rule: FaultRule): void;
  clear(): void;
  /** Calls that rules still wait for. */
  pending(): number;
  /** The fault that this call meets; counts it. */
  take(service: string, operation: string): Fault | undefined;
}

export function createFaults(): Faults {
  let rules: { readonly rule: FaultRule; left: number }[] = [];
  return {
    next(rule) {
      rules.push({ rule, left: rule.times ?? 1 });
    },
    clear() {
      rules = [];
    },
    pending: () => rules.reduce((sum, { left }) => sum + left, 0),
    take(service, operation) {
      const hit = rules.find(
        ({ rule }) => rule.service === service && (rule.operation ?? operation) === operation,
      );
      if (hit === undefined) return undefined;
      hit.left -= 1;
      if (hit.left <= 0) rules = rules.filter(entry => entry !== hit);
      return hit.rule.fault;
    },
  };
}

/**
 * Runs `work` as the fault wants it.
 *
 * @returns the answer, or nothing when the connection is to be cut without one.
 * @throws {AwsError} for an error fault; the promise of a `hang` ends only with `stopped`.
 */
export async function withFault<T>(
  fault: Fault | undefined,
  work: () => Promise<T>,
  stopped: AbortSignal,
): Promise<T | undefined> {
  switch (fault?.kind) {
    case undefined:
      return work();
    case 'error':
      throw new AwsError(fault.code, fault.message ?? 'Injected.', fault.status ?? 500);
    case 'delay':
      await sleep(fault.ms);
      return work();
    case 'hang':
      await new Promise<void>(resolve => {
        if (stopped.aborted) resolve();
        else stopped.addEventListener('abort', () => resolve(), { once: true });
      });
      return undefined;
    case 'drop':
      await work();
      return undefined;
  }
}
