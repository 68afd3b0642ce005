/** Lambda to HTTP: what a function returned, as a reply; and API Gateway's own replies. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';

export interface Reply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const structured = z.object({
  statusCode: z.coerce.number().int().min(200).max(599),
  headers: z.record(z.string(), scalar).optional(),
  cookies: z.array(z.string()).optional(),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().optional(),
});

/** Headers that belong to the connection, not to the function. */
const connectionHeaders = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

/** A reply of API Gateway itself: `{"message":"Unauthorized"}`. */
export function gatewayReply(
  status: number,
  message: string,
  headers: readonly (readonly [string, string])[] = [],
): Reply {
  return {
    status,
    headers: [['content-type', 'application/json'], ...headers],
    body: Buffer.from(JSON.stringify({ message })),
  };
}

export const internalServerError = gatewayReply(500, 'Internal Server Error');

function checkedHeaders(headers: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(headers)
    .filter(([name]) => !connectionHeaders.has(name.toLowerCase()))
    .map(([name, value]) => {
      validateHeaderName(name);
      validateHeaderValue(name, String(value));
      return [name.toLowerCase(), String(value)];
    });
}

function structuredReply(result: unknown): Reply {
  const parsed = structured.safeParse(result);
  if (!parsed.success) return internalServerError;
  const { statusCode, headers = {}, cookies = [], body = '', isBase64Encoded = false } = parsed.data;
  try {
    const sent = checkedHeaders(headers);
    for (const cookie of cookies) validateHeaderValue('set-cookie', cookie);
    if (!sent.some(([name]) => name === 'content-type'))
      sent.push(['content-type', 'text/plain;charset=UTF-8']);
    return {
      status: statusCode,
      headers: [...sent, ...cookies.map(cookie => ['set-cookie', cookie] as const)],
      body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
    };
  } catch {
    return internalServerError;
  }
}

/** @param payload JSON, what the function returned. Without a `statusCode` it is the body of a 200. */
export function toReply(payload: string): Reply {
  const result: unknown = JSON.parse(payload);
  if (typeof result === 'object' && result !== null && 'statusCode' in result) return structuredReply(result);
  return {
    status: 200,
    headers: [['content-type', 'application/json']],
    body: Buffer.from(typeof result === 'string' ? result : payload),
  };
}
