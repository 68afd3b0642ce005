import type { Leg, LegPlaces } from './leg.ts';

/** No proxy at all: the measure of all others. */
export async function direct({ target }: LegPlaces, tls: boolean): Promise<Leg> {
  return {
    ...login(target),
    name: tls ? 'direct-tls' : 'direct',
    host: target.host,
    port: target.port,
    ca: tls ? target.ca : undefined,
    pids: [],
    what: `PostgreSQL ${target.version} itself, ${tls ? 'with' : 'without'} TLS`,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** How one signs in at the target, and at all that passes the login on. */
export const login = ({ user, password, database }: LegPlaces['target']) => ({ user, password, database });
