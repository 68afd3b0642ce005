import type { Measurement } from '../workloads/workload.ts';
import type { SshLeg } from './leg.ts';

/** What a workload has to work with. */
export interface SshContext {
  /** Temporary, and the client's. */
  readonly folder: string;
  /** The target's, seen here under the same path. */
  readonly remote: string;
  /** Of the large file. */
  readonly bytes: number;
  readonly signal: AbortSignal;
  /** Waits until the gateway and its shipper are idle. */
  settle(): Promise<void>;
}

/** One run over one leg. */
export interface SshWorkload {
  readonly load: string;
  measure(leg: SshLeg, context: SshContext): Promise<readonly Measurement[]>;
}
