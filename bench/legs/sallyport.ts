import { startSallyport } from '../sallyport-stack.ts';
import type { Leg, LegPlaces } from './leg.ts';

/**
 * Sallyport as shipped: the built gateway with TLS on the client's leg, the shipped policies, and recording at
 * `local`; towards the server no TLS, but for the idle sessions (`bench-tls`).
 */
export async function sallyport({ target, folder }: LegPlaces): Promise<Leg> {
  const { ca, ...behind } = target;
  const { host, port, user, password, database } = behind;
  const plain = { host, port, user, password, database };
  const gateway = await startSallyport({
    folder,
    targets: { bench: plain, 'bench-tls': { ...plain, ca } },
    policies: 'shipped',
  });
  return {
    name: 'sallyport',
    host: gateway.host,
    port: gateway.port,
    user: gateway.user,
    password: gateway.password,
    database: 'bench',
    databaseOverTls: 'bench-tls',
    ca: gateway.ca,
    pids: gateway.pids,
    what: "Sallyport: TLS on the client's leg, shipped policies, recording at `local`; gateway and shipper together",
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}
