import canonicalize from 'canonicalize';
import { z } from 'zod';
import { type DynamoTable, isNew } from '#lib/aws/dynamodb.ts';
import { SallyportError } from '#lib/errors.ts';
import { maxSnapshotBytes, parseSnapshot, type Snapshot } from '#lib/policy/snapshot.ts';

/** Stays well below DynamoDB's 400 KB an item. */
export const chunkBytes = 300_000;

const currentKey = { pk: 'current', sk: 'current' } as const;

/** The item that says which snapshot is in force. */
const pointerSchema = z.object({
  version: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  chunks: z
    .int()
    .min(1)
    .max(Math.ceil((maxSnapshotBytes * 2) / chunkBytes)),
  /** Grows by one with every change. */
  revision: z.int().min(1),
  publishedAt: z.int(),
  publishedBy: z.string(),
});
export type Pointer = Readonly<z.output<typeof pointerSchema>>;

const chunkSchema = z.object({ bytes: z.instanceof(Uint8Array) });

export type Publication =
  | { readonly outcome: 'published' | 'unchanged'; readonly pointer: Pointer }
  /** Somebody else published in between; `current` is theirs. */
  | { readonly outcome: 'conflict'; readonly current: Pointer | undefined };

/**
 * Policy snapshots in the table POLICY.
 *
 *     pk                   sk           attributes
 *     snapshot#<version>   chunk#0000   bytes: a part of the canonical JSON (RFC 8785) of the snapshot
 *     current              current      version, chunks, revision, publishedAt (ms), publishedBy
 *
 * Chunks are named by the digest of the whole, so they are never changed, only written again the same. The
 * pointer moves last, by a conditional write: a reader sees the old snapshot or the new one, never a mixture,
 * and the digest is checked all the same.
 */
export class PolicyStore {
  readonly #table: DynamoTable;
  readonly #now: () => number;
  #cached: Snapshot | undefined;

  constructor(options: { readonly table: DynamoTable; readonly now?: () => number }) {
    this.#table = options.table;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes `snapshot` the one in force.
   *
   * @param expected the version that is believed to be in force; `null`: none is. Absent: whichever is now.
   * @throws {SallyportError} `controlPlaneUnavailable` when it cannot be written and read back; the snapshot in
   *   force is then the one before.
   */
  async publish(
    snapshot: Snapshot,
    options: { readonly publishedBy: string; readonly expected?: string | null },
  ): Promise<Publication> {
    const before = await this.pointer();
    if (options.expected !== undefined && (before?.version ?? null) !== options.expected) {
      return { outcome: 'conflict', current: before };
    }
    if (before?.version === snapshot.version) return { outcome: 'unchanged', pointer: before };

    const chunks = await this.#write(snapshot);
    await this.#assemble(snapshot.version, chunks);

    const pointer: Pointer = {
      version: snapshot.version,
      chunks,
      revision: (before?.revision ?? 0) + 1,
      publishedAt: this.#now(),
      publishedBy: options.publishedBy,
    };
    const unmoved = before
      ? { expression: 'revision = :revision', values: { ':revision': before.revision } }
      : isNew;
    if (await this.#table.put({ ...currentKey, ...pointer }, unmoved))
      return { outcome: 'published', pointer };
    return { outcome: 'conflict', current: await this.pointer() };
  }

  /** Which snapshot is in force; undefined when none has been published. */
  async pointer(): Promise<Pointer | undefined> {
    const item = await this.#table.get(currentKey);
    if (item === undefined) return undefined;
    const pointer = pointerSchema.safeParse(item);
    if (!pointer.success) throw damaged('current', pointer.error);
    return pointer.data;
  }

  /**
   * The snapshot in force. A snapshot that was read before is not read again.
   *
   * @throws {SallyportError} `controlPlaneUnavailable` when there is none, or what is stored is not what its
   *   version names.
   */
  async current(): Promise<Snapshot> {
    const pointer = await this.pointer();
    if (!pointer) {
      throw new SallyportError('controlPlaneUnavailable', 'No policy has been published yet.');
    }
    if (this.#cached?.version !== pointer.version) {
      this.#cached = await this.#assemble(pointer.version, pointer.chunks);
    }
    return this.#cached;
  }

  async #write(snapshot: Snapshot): Promise<number> {
    const bytes = Buffer.from(canonicalize(snapshot) as string, 'utf8');
    const chunks = Math.ceil(bytes.length / chunkBytes);
    for (let index = 0; index < chunks; index++) {
      const part = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
      await this.#table.put({ ...chunkKey(snapshot.version, index), bytes: part });
    }
    return chunks;
  }

  async #assemble(version: string, chunks: number): Promise<Snapshot> {
    const parts: Uint8Array[] = [];
    for (let index = 0; index < chunks; index++) {
      const part = chunkSchema.safeParse(await this.#table.get(chunkKey(version, index)));
      if (!part.success) throw damaged(version, part.error);
      parts.push(part.data.bytes);
    }
    try {
      const snapshot = parseSnapshot(JSON.parse(Buffer.concat(parts).toString('utf8')));
      if (snapshot.version !== version) throw new Error(`It is ${snapshot.version}.`);
      return snapshot;
    } catch (cause) {
      throw damaged(version, cause);
    }
  }
}

function chunkKey(version: string, index: number) {
  return { pk: `snapshot#${version}`, sk: `chunk#${String(index).padStart(4, '0')}` };
}

function damaged(what: string, cause: unknown): SallyportError {
  return new SallyportError('controlPlaneUnavailable', `The stored policy (${what}) is damaged.`, { cause });
}
