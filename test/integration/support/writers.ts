import { setTimeout as sleep } from 'node:timers/promises';
import { type Login, openClient } from './login.ts';

/** Programs that write rows with numbers of their own as fast as they can, whatever happens to their connection. */
export interface Writers {
  /** Ids of rows that the server has confirmed. */
  readonly confirmed: ReadonlySet<string>;
  /** How many statements were sent, answered or not. */
  readonly sent: number;
  stop(): Promise<void>;
}

/** Statements under way on each connection: some are in flight whenever the gateway dies. */
const depth = 4;
/** A statement or a sign-in that takes longer has no answer to hope for. */
const patienceMs = 10_000;

/** @param table `(id text)`; each statement holds its id twice, so that no two texts are the same */
export function startWriters(login: Login, table: string, count: number): Writers {
  const confirmed = new Set<string>();
  let running = true;
  let sent = 0;

  async function write(writer: number): Promise<void> {
    while (running) {
      try {
        const client = await openClient(login, { query_timeout: patienceMs });
        try {
          await Promise.all(Array.from({ length: depth }, (_, lane) => insert(client, `${writer}.${lane}`)));
        } finally {
          await client.end().catch(() => {});
        }
      } catch {
        // The gateway is away, or has refused: again.
        await sleep(20);
      }
    }
  }

  async function insert(client: Awaited<ReturnType<typeof openClient>>, lane: string): Promise<void> {
    for (let round = 0; running; round += 1) {
      sent += 1;
      const id = `${lane}.${sent}`;
      // By turns in the simple and in the extended protocol.
      await (round % 2 === 0
        ? client.query(`INSERT INTO ${table} VALUES ('${id}') /* simple ${id} */`)
        : client.query(`INSERT INTO ${table} VALUES ($1) /* extended ${id} */`, [id]));
      confirmed.add(id);
    }
  }

  const done = Promise.all(Array.from({ length: count }, (_, writer) => write(writer)));
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
