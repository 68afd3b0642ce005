import type { Lock } from '#lib/aws/access-records.ts';
import { stops } from '#lib/aws/locks.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';

/** What somebody may ask of the control plane. */
export type ControlAction =
  | 'sessions:list'
  | 'sessions:kill'
  | 'tickets:create'
  | 'keys:bind'
  | 'keys:list-all'
  | 'keys:revoke-all';

export interface Authorization {
  readonly effect: 'allow' | 'deny';
  /** For the one who asked. */
  readonly message: string;
}

/** Whether a principal at an address may do something now. */
export type Authorize = (
  principal: Principal,
  action: ControlAction,
  sourceAddress: string,
) => Promise<Authorization>;

export interface AuthorizeSources {
  readonly policy: { current(): Promise<Snapshot> };
  readonly access: { locks(): Promise<readonly Lock[]> };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Decides by the policy in force (Cedar), which is read once for each version, and by locks, which win. */
export function makeAuthorize({ policy, access, now }: AuthorizeSources): Authorize {
  let engine: PolicyEngine | undefined;
  return async (principal, action, sourceAddress) => {
    const [snapshot, locks] = await Promise.all([policy.current(), access.locks()]);
    const lock = locks.find(each => stops(each, { principal }));
    if (lock) return { effect: 'deny', message: `You are locked out: ${lock.reason}` };
    if (engine?.version !== snapshot.version) engine = PolicyEngine.load(snapshot);
    return engine.permits({ principal, action, context: { sourceAddress, now: now() } });
  };
}
