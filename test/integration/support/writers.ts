import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { type Login, openClient } from './login.ts';

/** Programs that write rows with ids of their own as fast as they can, whatever happens to their connections. */
export interface Writers {
  /** Ids of rows that the server has confirmed. */
  readonly confirmed: ReadonlySet<string>;
  /** How many statements were sent, answered or not. */
  readonly sent: number;
  stop(): Promise<void>;
}

/** A statement or a sign-in that takes longer has no answer to hope for. */
const patienceMs = 10_000;
const pauseMs = 100;

/** @param table `(id text)`; each statement holds its id, so that no two texts are the same */
export function startWriters(login: Login, table: string, count: number): Writers {
  const confirmed = new Set<string>();
  // No two programs of a test write the same text.
  const name = randomBytes(4).toString('hex');
  let running = true;
  let sent = 0;

  async function write(): Promise<void> {
    while (running) {
      try {
        const client = await openClient(login, { query_timeout: patienceMs });
        try {
          while (running) await insert(client);
        } finally {
          await client.end().catch(() => {});
        }
      } catch {
        // The gateway is away, or has refused: again.
        await sleep(pauseMs);
      }
    }
  }

  async function insert(client: Client): Promise<void> {
    sent += 1;
    const id = `${name}.${sent}`;
    // By turns in the simple and in the extended protocol.
    await (sent % 2 === 0
      ? client.query(`INSERT INTO ${table} VALUES ('${id}') /* simple ${id} */`)
      : client.query(`INSERT INTO ${table} VALUES ($1) /* extended ${id} */`, [id]));
    confirmed.add(id);
  }

  const done = Promise.all(Array.from({ length: count }, write));
  return {
    confirmed,
    get sent() {
      return sent;
    },
    stop: async () => {
      running = false;
      await done;
    },
  };
}
