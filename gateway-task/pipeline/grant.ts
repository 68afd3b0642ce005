import type { z } from 'zod';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { Target } from '#lib/policy/config/targets.ts';
import type { Decision } from '#lib/policy/decision.ts';

declare const granted: unique symbol;

/** Leave to open one target, for one session. Without it nothing can be dialled. Made by `open` alone. */
export interface Grant<Config extends Target = Target> {
  readonly [granted]: true;
  readonly sessionId: string;
  readonly identity: Identity;
  readonly target: string;
  /** What targets.yaml says of it. */
  readonly config: Config;
  /** Within the target: the database, the login. Empty: the one in the target's secret. */
  readonly place: string;
  readonly decision: Decision;
  /** The control plane's grant that it rests on, and when that ends (milliseconds since the epoch). */
  readonly accessGrantId: string | undefined;
  readonly notAfter: number | undefined;
  /** Fetches credentials. Not before: a session that is refused never touches them. */
  secret<Form extends z.ZodType>(name: string, form: Form): Promise<z.output<Form>>;
}
