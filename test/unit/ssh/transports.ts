import { type Duplex, duplexPair } from 'node:stream';
import type { OwnHostKey, Side } from '#gateway/protocols/ssh/wire/transport.ts';
import { Transport } from '#gateway/protocols/ssh/wire/transport.ts';
import { SshReader } from '#lib/ssh/data-types.ts';
import { generateEd25519 } from '#lib/ssh/private-key.ts';

const { signer } = generateEd25519();

/** A host key of the test's. */
export const hostKey: OwnHostKey = {
  certificate: undefined,
  key: {
    type: 'ssh-ed25519',
    getPublicSSH: () => signer.publicKey.blob,
    sign: data => {
      const reader = new SshReader(signer.sign(data));
      reader.string();
      return reader.string();
    },
  },
};

export const asServer: Side = { role: 'server', hostKeys: [hostKey] };
export const asClient: Side = {
  role: 'client',
  trust: {
    algorithms: ['ssh-ed25519'],
    verify: blob => blob.equals(signer.publicKey.blob),
  },
};

export interface Ends {
  readonly server: Transport;
  readonly client: Transport;
  readonly serverSocket: Duplex;
  readonly clientSocket: Duplex;
}

export const soon = () => AbortSignal.timeout(10_000);

/** Two transports that talk to each other, and have exchanged keys. */
export async function connected(
  clientSide: Side = asClient,
  wrap: (socket: Duplex) => Duplex = socket => socket,
): Promise<Ends> {
  const [clientSocket, plain] = duplexPair();
  const serverSocket = wrap(plain);
  const server = new Transport(serverSocket, asServer);
  const client = new Transport(clientSocket, clientSide);
  await Promise.all([server.established(soon()), client.established(soon())]);
  return { server, client, serverSocket, clientSocket };
}
