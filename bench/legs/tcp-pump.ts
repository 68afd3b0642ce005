import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

/**
 * A plain TCP forwarder: what it costs to have Node.js in between at all. In the conformance run it shows
 * that the harness is right, so that what differs through the gateway is the gateway's doing.
 */
export function startTcpPump(to: { host: string; port: number }): Promise<{ port: number; stop(): void }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const target = connect({ ...to, allowHalfOpen: true, noDelay: true });
    // A reset on either side ends both; the client reports it, and that is all there is to do.
    pipeline(client, target, client, () => undefined);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('a TCP server has a port'));
      else resolve({ port: address.port, stop: () => server.close() });
    });
  });
}

// As a program of its own (`node tcp-pump.ts HOST PORT`), so that its CPU time is its own as well.
if (import.meta.main) {
  const [host, port] = process.argv.slice(2);
  if (host === undefined || port === undefined) throw new TypeError('usage: tcp-pump.ts HOST PORT');
  const pump = await startTcpPump({ host, port: Number(port) });
  process.stdout.write(`${pump.port}\n`);
}
