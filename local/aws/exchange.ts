/** HTTP in and out, the parts that both ports share. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A body grew past what is allowed. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** What is read and thrown away past a limit, so that the client gets to hear of it instead of a reset. */
const maxDiscardedBytes = 64 * 1024 * 1024;

/** @throws {BodyTooLarge} in bounded memory and, for absurd lengths, at once. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes + maxDiscardedBytes) throw new BodyTooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else if (bytes > maxBytes + maxDiscardedBytes) throw new BodyTooLarge();
    else chunks.length = 0;
  }
  if (bytes > maxBytes) throw new BodyTooLarge();
  return Buffer.concat(chunks, bytes);
}

/** Lower-case names; the values of repeated headers joined by `,`. */
export function joinHeaders(rawHeaders: readonly string[]): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at]!.toLowerCase(), rawHeaders[at + 1]!];
    headers.set(name, headers.has(name) ? `${headers.get(name)},${value}` : value);
  }
  return Object.fromEntries(headers);
}

/** The target of a request in its two parts, as sent. */
export function splitTarget(request: IncomingMessage): { readonly path: string; readonly query: string } {
  const target = request.url ?? '/';
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

/**
 * Sends an answer. One that is given before the request was read to its end closes the connection, as nobody
 * reads on.
 *
 * @param now of the `Date` header, by which SDKs correct their clocks.
 */
export function send(
  response: ServerResponse,
  status: number,
  headers: readonly (readonly [string, string])[],
  body: string | Buffer,
  now: number,
): void {
  if (response.destroyed || response.headersSent) return;
  response.statusCode = status;
  response.setHeader('date', new Date(now).toUTCString());
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (status !== 204) response.setHeader('content-length', Buffer.byteLength(body));
  if (!response.req.complete) response.setHeader('connection', 'close');
  response.end(body);
}
