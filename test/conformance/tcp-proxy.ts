import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

/**
 * A plain TCP forwarder: the harness is right when the suite gives the same through it as direct, so that
 * what differs through the gateway is the gateway's doing.
 */
export function startTcpProxy(to: { host: string; port: number }): Promise<{ port: number; stop(): void }> {
  const server = createServer({ allowHalfOpen: true }, client => {
    const target = connect({ ...to, allowHalfOpen: true });
    // A reset on either side ends both; psql reports it, and that is all there is to do.
    pipeline(client, target, client, () => undefined);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve({ port: address.port, stop: () => server.close() });
    });
  });
}
