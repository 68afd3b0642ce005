import type { Route } from './postgres-regress.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** Where the target is and how a superuser signs in there. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** An open way to a destination. */
export interface Passage extends AsyncDisposable {
  readonly route: Route;
}

/** libpq turns TLS on by itself where the server has it; the bare legs say that they have none. */
const plain = { PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };

async function direct(destination: Destination): Promise<Passage> {
  return { route: { ...destination, env: plain }, [Symbol.asyncDispose]: async () => {} };
}

async function tcpProxy(destination: Destination): Promise<Passage> {
  const proxy = await startTcpProxy(destination);
  const route = { ...destination, host: '127.0.0.1', port: proxy.port, env: plain };
  return { route, [Symbol.asyncDispose]: async () => proxy.stop() };
}

/** What may stand between psql and the server, by the name that the command line takes. */
export const passages = { direct, 'tcp-proxy': tcpProxy } as const satisfies Record<
  string,
  (destination: Destination) => Promise<Passage>
>;

export type PassageName = keyof typeof passages;

export const isPassage = (name: string): name is PassageName => Object.hasOwn(passages, name);
