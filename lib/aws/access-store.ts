import type { z } from 'zod';
import {
  type AccessGrant,
  grantSchema,
  type IdentityKey,
  type Lock,
  type LockSubject,
  lockSchema,
  type StoredTicket,
  ticketSchema,
} from '#lib/aws/access-records.ts';
import { type DynamoTable, isNew } from '#lib/aws/dynamodb.ts';
import { expiresAtOf } from '#lib/aws/expiry.ts';
import { SallyportError } from '#lib/errors.ts';

export type Redemption =
  | { readonly outcome: 'redeemed'; readonly ticket: StoredTicket }
  /** Never made, used, expired: one answer for all. */
  | { readonly outcome: 'unknown' }
  /** Good, but for another target. It stays good. */
  | { readonly outcome: 'wrongTarget' };

/**
 * The table ACCESS.
 *
 *     pk                           sk                              attributes
 *     ticket#<sha256>              ticket                          principal, target, createdAt, notAfter (ms)
 *     grants#<issuer>#<subject>    <target>#<grant id>             the grant
 *     locks                        principal#<issuer>#<subject>    the lock
 *                                  target#<target>                 the lock
 *                                  grant#<grant id>                the lock
 *
 * Neither issuers, targets nor grant ids hold a `#` (their schemas see to it), so no two things share a key. Locks are
 * few and all are wanted at once, so they lie in one partition.
 */
export class AccessStore {
  readonly #table: DynamoTable;
  readonly #now: () => number;

  constructor(options: { readonly table: DynamoTable; readonly now?: () => number }) {
    this.#table = options.table;
    this.#now = options.now ?? Date.now;
  }

  /** Keeps a ticket by its hash (`hashTicket`). A hash that is taken means a broken random source. */
  async putTicket(hash: string, ticket: StoredTicket): Promise<void> {
    const item = { ...ticketKey(hash), ...ticket, expiresAt: expiresAtOf(ticket.notAfter) };
    if (!(await this.#table.put(item, isNew))) {
      throw new SallyportError('internal', 'A ticket could not be made.');
    }
  }

  /** Uses a ticket up. Of any number of callers at once, one is told `redeemed`: the delete is conditional. */
  async redeemTicket(hash: string, target: string): Promise<Redemption> {
    const now = this.#now();
    const deleted = await this.#table.delete(ticketKey(hash), {
      expression: 'attribute_exists(pk) AND #target = :target AND notAfter > :now',
      names: { '#target': 'target' },
      values: { ':target': target, ':now': now },
    });
    if (deleted) return { outcome: 'redeemed', ticket: parsed(ticketSchema, deleted) };
    const kept = await this.#table.get(ticketKey(hash));
    if (!kept) return { outcome: 'unknown' };
    const ticket = parsed(ticketSchema, kept);
    return { outcome: ticket.notAfter > now && ticket.target !== target ? 'wrongTarget' : 'unknown' };
  }

  /** @returns false when there is a grant with this id already. */
  async putGrant(grant: AccessGrant): Promise<boolean> {
    const item = { ...grantKey(grant), ...grant, expiresAt: expiresAtOf(grant.notAfter) };
    return this.#table.put(item, isNew);
  }

  async deleteGrant(grant: Pick<AccessGrant, 'principal' | 'target' | 'id'>): Promise<void> {
    await this.#table.delete(grantKey(grant));
  }

  /** Grants of a principal that hold now, for one target or for all. */
  async grants(principal: IdentityKey, target?: string): Promise<readonly AccessGrant[]> {
    const pk = `grants#${principal.issuer}#${principal.subject}`;
    const grants: AccessGrant[] = [];
    for await (const item of this.#table.query(pk, target === undefined ? '' : `${target}#`)) {
      const grant = parsed(grantSchema, item);
      if (grant.notAfter > this.#now()) grants.push(grant);
    }
    return grants;
  }

  /** Locks; one on the same thing replaces the one before. */
  async putLock(lock: Lock): Promise<void> {
    const expiry = lock.notAfter === undefined ? {} : { expiresAt: expiresAtOf(lock.notAfter) };
    await this.#table.put({ ...lockKey(lock.locks), ...lock, ...expiry });
  }

  async deleteLock(locks: LockSubject): Promise<void> {
    await this.#table.delete(lockKey(locks));
  }

  /** Every lock that holds now. */
  async locks(): Promise<readonly Lock[]> {
    const locks: Lock[] = [];
    for await (const item of this.#table.query('locks')) {
      const lock = parsed(lockSchema, item);
      if ((lock.notAfter ?? Number.POSITIVE_INFINITY) > this.#now()) locks.push(lock);
    }
    return locks;
  }
}

function ticketKey(hash: string) {
  return { pk: `ticket#${hash}`, sk: 'ticket' };
}

function grantKey({ principal, target, id }: Pick<AccessGrant, 'principal' | 'target' | 'id'>) {
  return { pk: `grants#${principal.issuer}#${principal.subject}`, sk: `${target}#${id}` };
}

function lockKey(locks: LockSubject) {
  switch (locks.kind) {
    case 'principal':
      return { pk: 'locks', sk: `principal#${locks.issuer}#${locks.subject}` };
    case 'target':
      return { pk: 'locks', sk: `target#${locks.target}` };
    case 'grant':
      return { pk: 'locks', sk: `grant#${locks.grantId}` };
  }
}

/** An item that is not what we wrote: nobody is let in by it, and no lock is passed over. */
function parsed<T>(schema: z.ZodType<T>, item: unknown): T {
  const result = schema.safeParse(item);
  if (result.success) return result.data;
  throw new SallyportError('controlPlaneUnavailable', 'An entry of the access table is damaged.', {
    cause: result.error,
  });
}
