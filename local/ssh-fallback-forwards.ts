/** Forwards of the fallback SSH host, both ways: `ssh -L`, `-D`, `-W` and `-R`. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Connection, ServerChannel } from 'ssh2';
import { loopback } from './ports.ts';

const maxListeners = 32;

export function answerForwards(connection: Connection): void {
  connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
    open(createConnection({ host: destIP, port: destPort }), accept, reject);
  });
  connection.on('openssh.streamlocal', (accept, reject, { socketPath }) => {
    open(createConnection({ path: socketPath }), accept, reject);
  });

  const listeners = new Map<string, Server>();
  connection.on('request', (accept, reject, name, info) => {
    if (name === 'tcpip-forward') {
      if (listeners.size >= maxListeners) return reject?.();
      const server = createServer(socket => pass(connection, socket, info.bindAddr, portOf(server)));
      server.once('error', () => reject?.());
      // Never for other machines, whatever address was asked for (sshd: GatewayPorts no).
      server.listen(info.bindPort, loopback, () => {
        listeners.set(`${info.bindAddr}:${portOf(server)}`, server);
        accept?.(portOf(server));
      });
    } else if (name === 'cancel-tcpip-forward') {
      const key = `${info.bindAddr}:${info.bindPort}`;
      listeners.get(key)?.close();
      if (listeners.delete(key)) accept?.();
      else reject?.();
    } else {
      reject?.();
    }
  });
  connection.on('close', () => {
    for (const server of listeners.values()) server.close();
  });
}

function open(socket: Socket, accept: () => ServerChannel, reject: () => void): void {
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    join(socket, accept());
  });
}

function pass(connection: Connection, socket: Socket, address: string, port: number): void {
  socket.on('error', () => {});
  connection.forwardOut(
    address,
    port,
    socket.remoteAddress ?? loopback,
    socket.remotePort ?? 0,
    (error, channel) => {
      if (error) socket.destroy();
      else join(socket, channel as unknown as ServerChannel);
    },
  );
}

function join(socket: Socket, channel: ServerChannel): void {
  for (const stream of [socket, channel]) stream.on('error', () => {});
  socket.pipe(channel).pipe(socket);
  channel.once('close', () => socket.destroy());
  socket.once('close', () => channel.close());
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
