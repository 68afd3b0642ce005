import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientChannel, type SFTPWrapper } from 'ssh2';

/** How something was asked of the target: each has its own way through the gateway. */
export const ways = ['exec', 'sftp', 'terminal', 'pipe'] as const;
export type Way = (typeof ways)[number];

export interface SshLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** Programs that have the target write marks as fast as they can, whatever happens to their connections. */
export interface SshWriters {
  /** Marks that the target has confirmed, by way. */
  readonly confirmed: Readonly<Record<Way, number>>;
  /** How many were sent, confirmed or not. */
  readonly sent: number;
  /** The last thing that went wrong with each. */
  readonly failures: Readonly<Partial<Record<Way, string>>>;
  stop(): Promise<void>;
}

/** A mark that has no answer by then has none to hope for. */
const patienceMs = 30_000;
const pauseMs = 100;

/** What the target writes down when it does what it is asked: `way mark`, in this file of the folder. */
export const executedFile = 'executed';
/** Where the marks that came by SFTP are. */
export const writtenPrefix = 'written-';

/** @param place a folder that the account at the target can write */
export function startSshWriters(login: SshLogin, place: string, each = 1): SshWriters {
  const confirmed: Record<Way, number> = { exec: 0, sftp: 0, terminal: 0, pipe: 0 };
  const failures: Partial<Record<Way, string>> = {};
  let running = true;
  let sent = 0;
  const executed = join(place, executedFile);
  const mark = () => {
    sent += 1;
    return randomBytes(8).toString('hex');
  };

  async function exec(client: Client, lost: Promise<never>): Promise<void> {
    while (running) {
      const code = await within(
        lost,
        call<unknown>(done => {
          client.exec(`echo exec ${mark()} >> ${executed}`, (error, channel) => {
            if (error) return done(error, undefined);
            // All of it may have come in one piece: whoever listens a turn later has missed it.
            channel.once('exit', (status: unknown) => done(null, status));
            channel.resume();
            channel.stderr.resume();
          });
        }),
      );
      if (code !== 0) throw new Error(`exit status ${code}`);
      confirmed.exec += 1;
    }
  }

  async function sftp(client: Client, lost: Promise<never>): Promise<void> {
    const files = await within(
      lost,
      call<SFTPWrapper>(done => client.sftp(done)),
    );
    const path = join(place, `${writtenPrefix}${mark()}`);
    const handle = await within(
      lost,
      call<Buffer>(done => files.open(path, 'w', done)),
    );
    for (let offset = 0; running; ) {
      const line = Buffer.from(`sftp ${mark()}\n`);
      await within(
        lost,
        call<void>(done => files.write(handle, line, 0, line.length, offset, done)),
      );
      offset += line.length;
      confirmed.sftp += 1;
    }
  }

  async function shell(way: 'terminal' | 'pipe', client: Client, lost: Promise<never>): Promise<void> {
    const channel = await within(
      lost,
      call<ClientChannel>(done => client.shell(way === 'pipe' ? false : {}, done)),
    );
    let shown = '';
    let gone = false;
    lost.catch(() => {
      gone = true;
    });
    channel.on('data', (data: Buffer) => {
      shown = (shown + data.toString('latin1')).slice(-2_000);
    });
    channel.stderr.resume();
    while (running) {
      const name = mark();
      // The answer differs from what is echoed.
      channel.write(`echo ${way} ${name} >> ${executed}; echo done-$((1))-${name}\n`);
      await within(
        lost,
        until(() => gone || shown.includes(`done-1-${name}`)),
      );
      confirmed[way] += 1;
    }
  }

  async function keepOn(way: Way): Promise<void> {
    while (running) {
      const client = new Client();
      const lost = new Promise<never>((_, reject) => {
        client.on('error', reject);
        client.on('close', () => reject(new Error('the connection was closed')));
      });
      lost.catch(() => {});
      try {
        const ready = once(client, 'ready');
        ready.catch(() => {});
        client.connect({ ...login, readyTimeout: patienceMs });
        await within(lost, ready);
        if (way === 'exec') await exec(client, lost);
        else if (way === 'sftp') await sftp(client, lost);
        else await shell(way, client, lost);
      } catch (error) {
        // The gateway is away, or has refused: again.
        failures[way] = (error as Error).message;
        await sleep(pauseMs);
      } finally {
        client.destroy();
      }
    }
  }

  const done = Promise.all(ways.flatMap(way => Array.from({ length: each }, () => keepOn(way))));
  return {
    confirmed,
    failures,
    get sent() {
      return sent;
    },
    stop: async () => {
      running = false;
      await done;
    },
  };
}

function call<T>(start: (done: (error: Error | null | undefined, value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
}

async function until(whether: () => boolean): Promise<void> {
  while (!whether()) await sleep(5);
}

async function within<T>(lost: Promise<never>, action: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Error('no answer');
  });
  late.catch(() => {});
  try {
    return await Promise.race([lost, late, action]);
  } finally {
    over.abort();
  }
}
