import type { Writable } from 'node:stream';
import type { SallyportError } from '#lib/errors.ts';

/** The two legs as the gate sees them. */
export interface Legs {
  readonly target: Writable;
  readonly client: Writable;
  /** Bytes written to the client while nothing waits there are the caller's again when the write returns. */
  readonly clientCopies: boolean;
  /** Stops and starts reading from a leg. */
  holdClient(hold: boolean): void;
  holdTarget(hold: boolean): void;
  /** Evidence cannot be written: the session must end with this reason. */
  fail(reason: SallyportError): void;
}
