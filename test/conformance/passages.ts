import { startTcpPump } from '../../bench/legs/tcp-pump.ts';
import { startSallyport } from '../../bench/sallyport-stack.ts';
import type { Route } from './postgres-regress.ts';

/** Where the target is and how a superuser signs in there. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Temporary, for what the passage needs. */
  readonly folder: string;
}

/** An open way to a destination. */
export interface Passage extends AsyncDisposable {
  readonly route: Route;
  /** What the program in between wrote to its log, as a file. */
  readonly log?: string;
}

/** libpq turns TLS on by itself where the server has it; the bare legs say that they have none. */
const plain = { PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };

async function direct(destination: Destination): Promise<Passage> {
  return { route: { ...destination, env: plain }, [Symbol.asyncDispose]: async () => {} };
}

async function tcpProxy(destination: Destination): Promise<Passage> {
  const proxy = await startTcpPump(destination);
  const route = { ...destination, host: '127.0.0.1', port: proxy.port, env: plain };
  return { route, [Symbol.asyncDispose]: async () => proxy.stop() };
}

async function sallyport(destination: Destination): Promise<Passage> {
  const { database, folder } = destination;
  const gateway = await startSallyport({
    folder,
    targets: { [database]: destination },
    policies: 'allow-all',
  });
  const { host, port, user, password, ca } = gateway;
  return {
    route: { host, port, user, password, database, env: { PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca } },
    log: gateway.gatewayLog,
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

/** What may stand between psql and the server, by the name that the command line takes. */
export const passages = { sallyport, 'tcp-proxy': tcpProxy, direct } as const satisfies Record<
  string,
  (destination: Destination) => Promise<Passage>
>;

export type PassageName = keyof typeof passages;

export const isPassage = (name: string): name is PassageName => Object.hasOwn(passages, name);
