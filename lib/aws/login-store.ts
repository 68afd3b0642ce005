import { z } from 'zod';
import { loginIdSchema, sourceAddressSchema } from '#lib/aws/control-api.ts';
import { type DynamoTable, isNew } from '#lib/aws/dynamodb.ts';
import { expiresAtOf } from '#lib/aws/expiry.ts';
import { SallyportError } from '#lib/errors.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';

const time = z.int().nonnegative();
const common = {
  id: loginIdSchema,
  purpose: z.enum(['session', 'key']),
  from: sourceAddressSchema,
  /** Milliseconds since the epoch; from then on it is over. */
  notAfter: time,
  /** Counts changes: one is made only to what was read. */
  revision: time,
};

/** A sign-in on its way, or one that is done and has its binding to come. */
export const loginSchema = z.discriminatedUnion('state', [
  z.object({
    ...common,
    state: z.literal('pending'),
    /** With it whoever holds it gets the tokens: it leaves the control plane for the identity provider alone. */
    deviceCode: z.string(),
    intervalMs: time,
    /** The provider is not asked before. */
    nextPollAt: time,
    /** How often in a row it could not be asked. */
    failures: time,
  }),
  z.object({
    ...common,
    state: z.literal('done'),
    principal: principalSchema,
    refreshToken: z.string().exactOptional(),
  }),
]);
export type StoredLogin = Readonly<z.output<typeof loginSchema>>;
export type PendingLogin = Extract<StoredLogin, { state: 'pending' }>;
export type DoneLogin = Extract<StoredLogin, { state: 'done' }>;

/**
 * Sign-ins in a browser, in the table ACCESS.
 *
 *     pk              sk       attributes
 *     login#<id>      login    the sign-in
 *
 * Device codes and refresh tokens are protected as the table is: by its encryption at rest, and by letting no role
 * but that of the functions read it. They are worth nothing to others where the client has a secret.
 */
export class LoginStore {
  readonly #table: DynamoTable;
  readonly #now: () => number;

  constructor(options: { readonly table: DynamoTable; readonly now?: () => number }) {
    this.#table = options.table;
    this.#now = options.now ?? Date.now;
  }

  async put(login: PendingLogin): Promise<void> {
    if (!(await this.#table.put(itemOf(login), isNew))) {
      throw new SallyportError('internal', 'A sign-in could not be begun.');
    }
  }

  /** One that is over is found as well, so that whoever asks can say so. */
  async find(id: string): Promise<StoredLogin | undefined> {
    const item = await this.#table.get(keyOf(id));
    return item && parsed(item);
  }

  /** @returns false when somebody else was faster: it is no longer what it was when it was read. */
  async replace(login: StoredLogin, was: StoredLogin): Promise<boolean> {
    return this.#table.put(itemOf(login), {
      expression: 'revision = :was',
      values: { ':was': was.revision },
    });
  }

  /** Forgets a sign-in, unless it is no longer what it was when it was read. */
  async remove(was: StoredLogin): Promise<void> {
    await this.#table.delete(keyOf(was.id), {
      expression: 'revision = :was',
      values: { ':was': was.revision },
    });
  }

  /** Uses up a sign-in that is done. Of any number of callers at once, one gets it: the delete is conditional. */
  async takeDone(id: string): Promise<DoneLogin | undefined> {
    const item = await this.#table.delete(keyOf(id), {
      expression: '#state = :done AND notAfter > :now',
      names: { '#state': 'state' },
      values: { ':done': 'done', ':now': this.#now() },
    });
    const login = item && parsed(item);
    return login?.state === 'done' ? login : undefined;
  }
}

function keyOf(id: string) {
  return { pk: `login#${id}`, sk: 'login' };
}

function itemOf(login: StoredLogin) {
  return { ...keyOf(login.id), ...login, expiresAt: expiresAtOf(login.notAfter) };
}

function parsed(item: unknown): StoredLogin {
  const result = loginSchema.safeParse(item);
  if (result.success) return result.data;
  throw new SallyportError('controlPlaneUnavailable', 'An entry of the access table is damaged.', {
    cause: result.error,
  });
}
