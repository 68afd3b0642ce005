import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';

/** SSLRequest: https://www.postgresql.org/docs/18/protocol-flow.html "SSL Session Encryption". */
const sslRequestBytes = 8;

/**
 * `node tls-pump.ts HOST PORT CERT KEY`: a forwarder that ends the client's TLS and does nothing else, by
 * Node.js's own streams. What a gateway in Node.js costs above this is the gateway's doing.
 */
const [host, port, cert, key] = process.argv.slice(2);
if (host === undefined || port === undefined || cert === undefined || key === undefined) {
  throw new TypeError('usage: tls-pump.ts HOST PORT CERT KEY');
}
const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });

function serve(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.once('data', (request: Buffer) => {
    socket.pause();
    if (request.length !== sslRequestBytes) {
      socket.destroy();
      return;
    }
    socket.write('S');
    const client = new TLSSocket(socket, { isServer: true, secureContext });
    const target = connect({ host: host!, port: Number(port), noDelay: true });
    // A reset on either side ends both; the client reports it, and that is all there is to do.
    pipeline(client, target, client, () => undefined);
  });
}

const server = createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  process.stdout.write(`${address.port}\n`);
});
