import { createHash } from 'node:crypto';
import { z } from 'zod';
import { keyCommentSchema, sourceAddressSchema } from '#lib/aws/control-api.ts';
import { type DynamoTable, isNew } from '#lib/aws/dynamodb.ts';
import { expiresAtOf } from '#lib/aws/expiry.ts';
import { SallyportError } from '#lib/errors.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';
import { fingerprintSchema } from '#lib/ssh/fingerprint.ts';

const time = z.int().nonnegative();

/** A public key that stands for somebody while a session at the identity provider lasts. Times in ms since the epoch. */
export const keyBindingSchema = z.object({
  fingerprint: fingerprintSchema,
  keyType: z.string().max(64),
  comment: keyCommentSchema.exactOptional(),
  /** As the last verified token has it. */
  principal: principalSchema,
  /** Absent: the provider gave none, and the binding ends with the first token. */
  refreshToken: z.string().exactOptional(),
  boundAt: time,
  boundFrom: sourceAddressSchema,
  /** From then on it holds no longer, whatever the provider says. */
  endsAt: time,
  /** When the provider last confirmed the session. */
  checkedAt: time,
  /** Somebody is asking the provider, and nobody else may: a refresh token works once. */
  busyUntil: time.exactOptional(),
  /** The provider could not be asked, and is not asked again before. */
  retryAt: time.exactOptional(),
  lastUsedAt: time.exactOptional(),
  lastUsedFrom: sourceAddressSchema.exactOptional(),
  /** Counts changes: one is made only to what was read. */
  revision: time,
});
export type KeyBinding = Readonly<z.output<typeof keyBindingSchema>>;

/** Nobody lists more at once. */
export const maxListedKeys = 2_000;

const shards = 8;

/**
 * Bound keys, in the table ACCESS.
 *
 *     pk               sk               attributes
 *     keys#<shard>     <fingerprint>    the binding
 *
 * Eight partitions, by the first byte of the SHA-256 of the fingerprint, as a partition takes only 1,000 writes a
 * second; listing reads them side by side.
 *
 * Refresh tokens are protected as the table is: by its encryption at rest, and by letting no role but that of the
 * functions read it. They are worth nothing to others where the client has a secret.
 */
export class KeyStore {
  readonly #table: DynamoTable;
  readonly #now: () => number;

  constructor(options: { readonly table: DynamoTable; readonly now?: () => number }) {
    this.#table = options.table;
    this.#now = options.now ?? Date.now;
  }

  /** A binding that has ended is not found. */
  async find(fingerprint: string): Promise<KeyBinding | undefined> {
    const item = await this.#table.get(keyOf(fingerprint));
    const binding = item && parsed(item);
    return binding && binding.endsAt > this.#now() ? binding : undefined;
  }

  /** @returns false when the key is bound. */
  async add(binding: KeyBinding): Promise<boolean> {
    return this.#table.put(itemOf(binding), {
      expression: `${isNew.expression} OR endsAt <= :now`,
      values: { ':now': this.#now() },
    });
  }

  /** @returns false when somebody else was faster: it is gone, or no longer what it was when it was read. */
  async replace(binding: KeyBinding, was: KeyBinding): Promise<boolean> {
    return this.#table.put(itemOf(binding), {
      // A key that was revoked and bound anew begins again with its count.
      expression: 'revision = :revision AND boundAt = :boundAt',
      values: { ':revision': was.revision, ':boundAt': was.boundAt },
    });
  }

  /** Ends a binding. One that was made anew in the meantime stays. */
  async remove(binding: Pick<KeyBinding, 'fingerprint' | 'boundAt'>): Promise<void> {
    await this.#table.delete(keyOf(binding.fingerprint), {
      expression: 'boundAt = :boundAt',
      values: { ':boundAt': binding.boundAt },
    });
  }

  /** Bindings that hold and that `wanted` picks, newest first, `maxListedKeys` at most. */
  async list(wanted: (binding: KeyBinding) => boolean): Promise<{
    readonly bindings: readonly KeyBinding[];
    readonly truncated: boolean;
  }> {
    const parts = await Promise.all(
      Array.from({ length: shards }, (_, shard) => this.#listShard(shard, wanted)),
    );
    const all = parts
      .flat()
      .sort((a, b) => b.boundAt - a.boundAt || (a.fingerprint < b.fingerprint ? -1 : 1));
    return { bindings: all.slice(0, maxListedKeys), truncated: all.length > maxListedKeys };
  }

  async #listShard(shard: number, wanted: (binding: KeyBinding) => boolean): Promise<KeyBinding[]> {
    const bindings: KeyBinding[] = [];
    for await (const item of this.#table.query(`keys#${shard}`)) {
      const binding = parsed(item);
      if (binding.endsAt > this.#now() && wanted(binding)) bindings.push(binding);
      if (bindings.length > maxListedKeys) break;
    }
    return bindings;
  }
}

function keyOf(fingerprint: string) {
  const shard = (createHash('sha256').update(fingerprint).digest()[0] ?? 0) % shards;
  return { pk: `keys#${shard}`, sk: fingerprint };
}

function itemOf(binding: KeyBinding) {
  return { ...keyOf(binding.fingerprint), ...binding, expiresAt: expiresAtOf(binding.endsAt) };
}

/** An item that is not what we wrote: nobody is let in by it. */
function parsed(item: unknown): KeyBinding {
  const result = keyBindingSchema.safeParse(item);
  if (result.success) return result.data;
  throw new SallyportError('controlPlaneUnavailable', 'An entry of the access table is damaged.', {
    cause: result.error,
  });
}
