/** What the development identity provider remembers while it runs: sessions, codes, grants. */
import type { Adapter, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Entries of all kinds, by `kind:id`. Kinds are few and people are six, so looking through all of them is fine. */
export class IdentityStore {
  readonly #entries = new Map<string, Entry>();

  /** The part for one kind; bound, since oidc-provider calls it as a plain function. */
  readonly adapterFor = (kind: string): Adapter => ({
    upsert: async (id, payload, expiresIn) => {
      this.#sweep();
      const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY;
      this.#entries.set(`${kind}:${id}`, { payload, expiresAt });
    },
    find: async id => this.#live(`${kind}:${id}`),
    findByUserCode: async userCode => this.#where(kind, payload => payload.userCode === userCode),
    findByUid: async uid => this.#where(kind, payload => payload.uid === uid),
    consume: async id => {
      const entry = this.#entries.get(`${kind}:${id}`);
      if (entry !== undefined) entry.payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async id => {
      this.#entries.delete(`${kind}:${id}`);
    },
    revokeByGrantId: async grantId => {
      for (const [key, { payload }] of this.#entries) {
        if (payload.grantId === grantId) this.#entries.delete(key);
      }
    },
  });

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
