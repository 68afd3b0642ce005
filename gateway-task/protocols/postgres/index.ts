import type { Gate } from '#gateway/pipeline/gate.ts';
import type { ClientConnection, Protocol, ProtocolMaker, Relay } from '#gateway/protocols/protocol.ts';
import type { SallyportError } from '#lib/errors.ts';
import type { PostgresTarget } from '#lib/policy/config/targets/postgres.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import { dial, type PostgresLeg } from './dial.ts';
import { greet, type PostgresHello } from './greet.ts';
import { errorFrame } from './refusal.ts';
import { PostgresRelay } from './relay.ts';

/** Readings are shared by all sessions: the same text under the same settings reads the same. */
const sql = new SqlReader();

const protocol: Protocol<PostgresHello, PostgresLeg, PostgresTarget> = {
  name: 'postgres',
  greet,
  dial,
  relay(connection: ClientConnection, hello: PostgresHello, leg: PostgresLeg, gate: Gate): Relay {
    return new PostgresRelay(connection, hello, leg, gate, sql);
  },
  refuse(connection: ClientConnection, reason: SallyportError): void {
    connection.socket.end(errorFrame(reason, 'FATAL'));
  },
};

export const postgres: ProtocolMaker<unknown> = { make: async () => protocol };
