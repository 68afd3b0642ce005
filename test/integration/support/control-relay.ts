import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** Stands between the gateway and its control plane: cuts the line, and makes policy age faster. */
export interface ControlRelay {
  readonly url: string;
  /** False: every connection is dropped. */
  open: boolean;
  /** What look-ups say instead of their own `maxAgeMs`, where set. */
  maxAgeMs: number | undefined;
  stop(): Promise<void>;
}

/** @param upstream the base address, known once the stack has started */
export async function startControlRelay(upstream: () => string): Promise<ControlRelay> {
  const server = createServer((incoming, outgoing) => {
    if (!relay.open) {
      incoming.socket.destroy();
      return;
    }
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      const { method, headers } = incoming;
      // Headers stay as they are: they are signed.
      const onward = request(new URL(incoming.url ?? '/', upstream()), { method, headers }, async answer => {
        const body: Buffer[] = [];
        for await (const piece of answer) body.push(piece as Buffer);
        const text = Buffer.concat(body).toString();
        const changed =
          relay.maxAgeMs === undefined
            ? text
            : text.replace(/"maxAgeMs":\d+/, `"maxAgeMs":${relay.maxAgeMs}`);
        outgoing.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] });
        outgoing.end(changed);
      });
      onward.on('error', () => outgoing.destroy());
      onward.end(Buffer.concat(pieces));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const relay: ControlRelay = {
    url: `http://127.0.0.1:${port}`,
    open: true,
    maxAgeMs: undefined,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return relay;
}
