import type { Writable } from 'node:stream';
import type { SallyportError } from '#lib/errors.ts';

/** The two legs as the gate sees them. */
export interface Legs {
  readonly target: Writable;
  readonly client: Writable;
  /** What is read from the target lies in memory that the next read overwrites. */
  readonly targetLends: boolean;
  /** What is written to the client has been taken when the write returns, if nothing waits in front of it. */
  readonly clientTakes: boolean;
  /** Stops and starts reading from a leg. */
  holdClient(hold: boolean): void;
  holdTarget(hold: boolean): void;
  /** Evidence cannot be written: the session must end with this reason. */
  fail(reason: SallyportError): void;
}
