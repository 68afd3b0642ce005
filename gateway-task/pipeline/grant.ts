import type { TargetTls } from '#gateway/net/connect.ts';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { Decision } from '#lib/policy/decision.ts';

/** What the gateway signs in with at a target. Lives in memory only while it is used. */
export interface TargetLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string | undefined;
  /** Undefined: the configuration says that this target has no TLS. */
  readonly tls: TargetTls | undefined;
}

declare const granted: unique symbol;

/** Leave to open one target, for one session. Without it nothing can be dialled. Made by `open` alone. */
export interface Grant {
  readonly [granted]: true;
  readonly sessionId: string;
  readonly identity: Identity;
  readonly target: string;
  /** Within the target: the database, the login. */
  readonly place: string;
  readonly decision: Decision;
  /** The control plane's grant that it rests on, and when that ends (milliseconds since the epoch). */
  readonly accessGrantId: string | undefined;
  readonly notAfter: number | undefined;
  /** Fetches the credentials. Not before: a session that is refused never touches them. */
  login(): Promise<TargetLogin>;
}
