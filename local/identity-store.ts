/** What the development identity provider remembers, over its restarts too: sessions, codes, grants. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { z } from 'zod';

interface Entry {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const saveMs = 200;
const entriesSchema = z.array(
  z.tuple([z.string(), z.object({ payload: z.looseObject({}), expiresAt: z.number() })]),
);

/** Entries of all kinds, by `kind:id`. Kinds are few and people are six, so looking through all of them is fine. */
export class IdentityStore {
  readonly #entries: Map<string, Entry>;
  readonly #file: string;
  #timer: NodeJS.Timeout | undefined;

  /** @param file where it is kept; one that cannot be read is begun anew: people sign in again */
  constructor(file: string) {
    this.#file = file;
    this.#entries = new Map(readEntries(file));
  }

  /** Writes down what has changed. Safe to call twice. */
  save(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sweep();
    // One that was left has whatever mode.
    rmSync(`${this.#file}.part`, { force: true });
    writeFileSync(`${this.#file}.part`, JSON.stringify([...this.#entries]), { mode: 0o600 });
    renameSync(`${this.#file}.part`, this.#file);
  }

  /** The part for one kind; bound, since oidc-provider calls it as a plain function. */
  readonly adapterFor = (kind: string): Adapter => ({
    upsert: async (id, payload, expiresIn) => {
      this.#sweep();
      const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Number.MAX_SAFE_INTEGER;
      this.#entries.set(`${kind}:${id}`, { payload, expiresAt });
      this.#changed();
    },
    find: async id => this.#live(`${kind}:${id}`),
    findByUserCode: async userCode => this.#where(kind, payload => payload.userCode === userCode),
    findByUid: async uid => this.#where(kind, payload => payload.uid === uid),
    consume: async id => {
      const entry = this.#entries.get(`${kind}:${id}`);
      if (entry !== undefined) entry.payload.consumed = Math.floor(Date.now() / 1000);
      this.#changed();
    },
    destroy: async id => {
      this.#entries.delete(`${kind}:${id}`);
      this.#changed();
    },
    revokeByGrantId: async grantId => {
      for (const [key, { payload }] of this.#entries) {
        if (payload.grantId === grantId) this.#entries.delete(key);
      }
      this.#changed();
    },
  });

  #changed(): void {
    this.#timer ??= setTimeout(() => {
      try {
        this.save();
      } catch {
        // Its folder is gone, or full: what it knows lasts as long as it runs.
      }
    }, saveMs).unref();
  }

  #live(key: string): AdapterPayload | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > Date.now() ? entry.payload : undefined;
  }

  #where(kind: string, matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const [key, { payload }] of this.#entries) {
      if (key.startsWith(`${kind}:`) && matches(payload)) return this.#live(key);
    }
    return undefined;
  }

  #sweep() {
    const now = Date.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(key);
  }
}

function readEntries(file: string): readonly (readonly [string, Entry])[] {
  if (!existsSync(file)) return [];
  try {
    return entriesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return [];
  }
}
