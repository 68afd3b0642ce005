import { createHash } from 'node:crypto';
import { z } from 'zod';
import { personSchema, reasonSchema } from '#lib/aws/access-records.ts';
import { type DynamoTable, isNew } from '#lib/aws/dynamodb.ts';
import { expiresAtOf, isAlive } from '#lib/aws/expiry.ts';
import { SallyportError } from '#lib/errors.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';
import { targetName } from '#lib/policy/config/targets.ts';

/** Session and task ids: no `#`, which parts keys. */
export const idSchema = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);

/** A session that is open, as others may see it. */
export const liveSessionSchema = z.object({
  id: idSchema,
  taskId: idSchema,
  principal: principalSchema,
  target: targetName,
  protocol: z.string().min(1).max(32),
  /** Within the target: a database, a login. */
  place: z.string().max(256).exactOptional(),
  sourceAddress: z.string().max(64),
  /** Milliseconds since the epoch. */
  startedAt: z.int(),
  /** Of the policy snapshot under which it was opened. */
  policyVersion: z.string().max(128),
  grantId: z.string().max(64).exactOptional(),
});
export type LiveSession = Readonly<z.output<typeof liveSessionSchema>>;

/** Somebody who may do so wants a session ended. */
export const killOrderSchema = z.object({
  sessionId: idSchema,
  reason: reasonSchema,
  by: personSchema,
  /** Milliseconds since the epoch. */
  at: z.int(),
});
export type KillOrder = Readonly<z.output<typeof killOrderSchema>>;

const leaseSchema = z.object({ sk: idSchema, leaseUntil: z.int() });

/** A task that has not renewed its lease for this long is gone, and its sessions with it. */
export const leaseMs = 15_000;
/** A task renews its lease this often. */
export const heartbeatMs = 5_000;
/** Nobody lists more at once. */
export const maxListed = 2_000;

const shards = 8;
const longestSessionMs = 30 * 24 * 3_600_000;
const killOrderMs = 10 * 60_000;

/**
 * The table SESSIONS.
 *
 *     pk               sk                  attributes
 *     live#<shard>     <session id>        the session; written before its credentials are fetched, gone at its end
 *     tasks            <task id>           leaseUntil (ms): its sessions are live while that lies ahead
 *     task#<task id>   kill#<session id>   mailbox of the task: reason, by, at (ms)
 *
 * One lease for a task instead of one for each session keeps the writes down to one in five seconds a task.
 * `live` is spread over eight partitions, by the first byte of the SHA-256 of the id, as a partition takes only
 * 1,000 writes a second; listing reads them side by side.
 */
export class LiveSessions {
  readonly #table: DynamoTable;
  readonly #now: () => number;

  constructor(options: { readonly table: DynamoTable; readonly now?: () => number }) {
    this.#table = options.table;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes a session known. Only then may credentials for its target be fetched.
   *
   * @throws {SallyportError} `internal` when the id is taken; `controlPlaneUnavailable` when it cannot be written.
   */
  async open(session: LiveSession): Promise<void> {
    const expiresAt = expiresAtOf(session.startedAt + longestSessionMs);
    // A write whose answer got lost is tried again by the SDK, and meets itself.
    const isNewOrOwn = {
      expression: `${isNew.expression} OR (taskId = :taskId AND startedAt = :startedAt)`,
      values: { ':taskId': session.taskId, ':startedAt': session.startedAt },
    };
    if (!(await this.#table.put({ ...liveKey(session.id), ...session, expiresAt }, isNewOrOwn))) {
      throw new SallyportError('internal', 'The id of the session is taken.');
    }
  }

  /** Takes a session out; an order to kill it is settled by its task's next look into the mailbox. Twice does no harm. */
  async close(session: Pick<LiveSession, 'id' | 'taskId'>): Promise<void> {
    await this.#table.delete(liveKey(session.id), {
      expression: 'taskId = :taskId',
      values: { ':taskId': session.taskId },
    });
  }

  /** The task lives: to be called every `heartbeatMs`. */
  async renewLease(taskId: string): Promise<void> {
    const leaseUntil = this.#now() + leaseMs;
    await this.#table.put({ pk: 'tasks', sk: taskId, leaseUntil, expiresAt: expiresAtOf(leaseUntil) });
  }

  /** The task ends in good order. */
  async endLease(taskId: string): Promise<void> {
    await this.#table.delete({ pk: 'tasks', sk: taskId });
  }

  /**
   * A session that has not ended; undefined when it has, or never was. `heardFrom` is whether its task still
   * renews its lease: a task that does not is gone, or cannot be told anything now.
   */
  async find(id: string): Promise<{ session: LiveSession; heardFrom: boolean } | undefined> {
    const item = await this.#table.get(liveKey(id));
    if (!item || !isAlive(item, this.#now())) return undefined;
    const session = parsed(liveSessionSchema, item);
    const lease = await this.#table.get({ pk: 'tasks', sk: session.taskId });
    return { session, heardFrom: lease !== undefined && this.#holds(lease) };
  }

  /** Sessions that are live now, oldest first, `maxListed` at most. */
  async list(): Promise<{ readonly sessions: readonly LiveSession[]; readonly truncated: boolean }> {
    const tasks = new Set<string>();
    for await (const item of this.#table.query('tasks')) {
      if (this.#holds(item)) tasks.add(parsed(leaseSchema, item).sk);
    }
    const parts = await Promise.all(
      Array.from({ length: shards }, (_, shard) => this.#listShard(shard, tasks)),
    );
    const sessions = parts.flat().sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
    return { sessions: sessions.slice(0, maxListed), truncated: sessions.length > maxListed };
  }

  async #listShard(shard: number, tasks: ReadonlySet<string>): Promise<LiveSession[]> {
    const sessions: LiveSession[] = [];
    for await (const item of this.#table.query(`live#${shard}`)) {
      if (!isAlive(item, this.#now())) continue;
      const session = parsed(liveSessionSchema, item);
      if (tasks.has(session.taskId)) sessions.push(session);
      if (sessions.length > maxListed) break;
    }
    return sessions;
  }

  /** Puts an order into the mailbox of the session's task. The first order stands; a second changes nothing. */
  async orderKill(
    session: Pick<LiveSession, 'id' | 'taskId'>,
    order: Omit<KillOrder, 'sessionId'>,
  ): Promise<void> {
    const now = this.#now();
    await this.#table.put(
      {
        ...killKey(session.taskId, session.id),
        ...order,
        sessionId: session.id,
        expiresAt: expiresAtOf(now + killOrderMs),
      },
      {
        expression: 'attribute_not_exists(pk) OR expiresAt <= :now',
        values: { ':now': Math.floor(now / 1000) },
      },
    );
  }

  /** The orders that wait for a task: one query, for the task to ask every second or two. */
  async killOrders(taskId: string): Promise<readonly KillOrder[]> {
    const orders: KillOrder[] = [];
    for await (const item of this.#table.query(`task#${taskId}`, 'kill#')) {
      if (isAlive(item, this.#now())) orders.push(parsed(killOrderSchema, item));
    }
    return orders;
  }

  /** The order has been carried out, or its session is no more. */
  async settle(taskId: string, sessionId: string): Promise<void> {
    await this.#table.delete(killKey(taskId, sessionId));
  }

  #holds(lease: Record<string, unknown>): boolean {
    return parsed(leaseSchema, lease).leaseUntil > this.#now();
  }
}

function liveKey(id: string) {
  const shard = (createHash('sha256').update(id).digest()[0] ?? 0) % shards;
  return { pk: `live#${shard}`, sk: id };
}

function killKey(taskId: string, sessionId: string) {
  return { pk: `task#${taskId}`, sk: `kill#${sessionId}` };
}

function parsed<T>(schema: z.ZodType<T>, item: unknown): T {
  const result = schema.safeParse(item);
  if (result.success) return result.data;
  throw new SallyportError('controlPlaneUnavailable', 'An entry of the sessions table is damaged.', {
    cause: result.error,
  });
}
