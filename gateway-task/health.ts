import { createServer, type Server } from 'node:http';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Address } from './config.ts';

export interface Health {
  /** Why the task takes no new sessions; empty: it does. */
  readonly notReady: () => readonly string[];
  readonly draining: () => boolean;
  readonly sessions: () => number;
  readonly metrics: MetricsRegistry;
}

/**
 * The operator's port, apart from every listener: `/live` (the event loop turns), `/ready` (new sessions are
 * taken; 503 with the reasons where not), `/drain` (how far a shutdown is), `/metrics` (Prometheus).
 */
export function serveHealth(address: Address, health: Health): Promise<Server> {
  const server = createServer(async (request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, { error: 'GET only' });
    switch (request.url) {
      case '/live':
        return send(200, { live: true });
      case '/ready': {
        const reasons = health.notReady();
        return send(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
      }
      case '/drain':
        return send(200, { draining: health.draining(), sessions: health.sessions() });
      case '/metrics': {
        const body = await health.metrics.metrics();
        response.writeHead(200, { 'content-type': health.metrics.contentType }).end(body);
        return;
      }
      default:
        return send(404, { error: 'there are /live, /ready, /drain and /metrics' });
    }
  });
  server.requestTimeout = 5_000;
  server.headersTimeout = 5_000;
  server.maxConnections = 64;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
