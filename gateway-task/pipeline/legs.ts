import type { SallyportError } from '#lib/errors.ts';

/**
 * Where a leg's bytes go: a socket, or what makes a protocol's messages of them first. `Writable` has all of it.
 */
export interface Sink {
  /** @returns false: enough waits, `drain` will be emitted. */
  write(bytes: Buffer): boolean;
  cork(): void;
  uncork(): void;
  on(event: 'drain', listener: () => void): unknown;
  readonly writableLength: number;
}

/** The two legs as the gate sees them. */
export interface Legs {
  readonly target: Sink;
  readonly client: Sink;
  /** Each write to the target is a message of its own: two must not become one. */
  readonly targetFrames: boolean;
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
