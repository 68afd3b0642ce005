/** Locks within one process: first come, first served. */

export class KeyedLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` while holding every key. Keys are taken in one order, so that two calls never wait for each other. */
  async hold<T>(keys: Iterable<string>, work: () => Promise<T>): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      for (const key of [...new Set(keys)].sort()) releases.push(await this.#take(key));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  async #take(key: string): Promise<() => void> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const tail = (before ?? Promise.resolve()).then(() => promise);
    this.#tails.set(key, tail);
    await before;
    return () => {
      resolve();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
  }
}

/** Many may share, or one may have it alone. One that wants it alone is not overtaken by later ones. */
export class Gate {
  #alone: Promise<unknown> = Promise.resolve();
  readonly #sharing = new Set<Promise<unknown>>();

  async share<T>(work: () => Promise<T>): Promise<T> {
    // A later holder may have come while this one waited: only the newest is worth waiting for.
    for (let seen: Promise<unknown> | undefined; seen !== this.#alone; ) {
      seen = this.#alone;
      await seen;
    }
    const running = work();
    const settled = running.then(
      () => {},
      () => {},
    );
    this.#sharing.add(settled);
    void settled.then(() => this.#sharing.delete(settled));
    return running;
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#alone;
    const running = before.then(() => Promise.all(this.#sharing)).then(work);
    this.#alone = running.then(
      () => {},
      () => {},
    );
    return running;
  }
}
