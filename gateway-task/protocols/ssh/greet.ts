import type { ClientConnection, Greeting, Reception } from '#gateway/protocols/protocol.ts';
import type { TrustedAuthorities } from './trusted-authorities.ts';
import { splitUser, UserAuth } from './userauth.ts';
import { type OwnHostKey, Transport } from './wire/transport.ts';

export interface SshHello {
  readonly transport: Transport;
}

/** The transports of connections that have no relay yet, to say no over. */
export const greeted = new WeakMap<ClientConnection, Transport>();

/**
 * Key exchange and authentication, up to but without USERAUTH_SUCCESS: the client is told that it is in when the
 * session is open and the target has been reached, and till then can be told why not.
 */
export async function greet(
  connection: ClientConnection,
  reception: Reception,
  hostKeys: readonly OwnHostKey[],
  trusted: TrustedAuthorities,
): Promise<Greeting<SshHello>> {
  connection.reader.detach();
  const transport = new Transport(connection.socket, { role: 'server', hostKeys });
  greeted.set(connection, transport);
  connection.encrypted = true;
  await transport.established(connection.deadline);
  const { user, identity } = await new UserAuth(transport, connection, reception, trusted).run();
  const [target, place] = splitUser(user);
  return { identity, target, place, hello: { transport } };
}
