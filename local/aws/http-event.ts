/**
 * HTTP to Lambda: the event of payload format 2.0.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
import type { RouteMatch } from './http-routes.ts';

export interface FrontRequest {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  /** As sent, without the `?`. */
  readonly query: string;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly sourceIp: string;
  readonly protocol: string;
  readonly port: number;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type Authorizer =
  | {
      readonly jwt: {
        readonly claims: Readonly<Record<string, string>>;
        readonly scopes: readonly string[] | null;
      };
    }
  | { readonly iam: Readonly<Record<string, string | null>> };

/** Bodies of these types are handed over as text, all others base64-encoded: forms too, and what has no type. */
const textType = /^(text\/[^;\s]+|application\/(json|xml|javascript))\s*(;|$)/i;

/** Names in lower case, repeated ones joined by `,`; cookies are kept apart. */
function splitHeaders(rawHeaders: readonly string[]): {
  readonly headers: Record<string, string>;
  readonly cookies: readonly string[];
} {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at]!.toLowerCase(), rawHeaders[at + 1]!];
    if (name === 'cookie') cookies.push(...value.split(/;\s*/).filter(cookie => cookie !== ''));
    else headers.set(name, headers.has(name) ? `${headers.get(name)},${value}` : value);
  }
  return { headers: Object.fromEntries(headers), cookies };
}

/** Repeated keys are joined by `,`. */
function queryParameters(query: string): Readonly<Record<string, string>> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    parameters.set(name, parameters.has(name) ? `${parameters.get(name)},${value}` : value);
  }
  return Object.fromEntries(parameters);
}

/** Common log format: `24/Nov/2026:19:03:58 +0000`. */
function clfTime(now: number): string {
  const [, day, month, year, time] = new Date(now).toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}

function traceId(request: FrontRequest): string {
  const seconds = Math.floor(request.now / 1000)
    .toString(16)
    .padStart(8, '0');
  return `Root=1-${seconds}-${request.requestId.replaceAll('-', '').slice(0, 24)}`;
}

/** What is empty is absent, never null: as on AWS. */
export function toEvent(
  request: FrontRequest,
  match: RouteMatch,
  accountId: string,
  authorizer: Authorizer | undefined,
): object {
  const { headers, cookies } = splitHeaders(request.rawHeaders);
  const host = (headers['host'] ?? '').replace(/:\d+$/, '');
  const forwarded = headers['x-forwarded-for'];
  const isText = textType.test(headers['content-type'] ?? '');
  const parameters = queryParameters(request.query);
  return {
    version: '2.0',
    routeKey: match.routeKey,
    rawPath: request.path,
    rawQueryString: request.query,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers: {
      ...headers,
      'x-amzn-trace-id': headers['x-amzn-trace-id'] ?? traceId(request),
      'x-forwarded-for': forwarded === undefined ? request.sourceIp : `${forwarded}, ${request.sourceIp}`,
      'x-forwarded-port': String(request.port),
      'x-forwarded-proto': 'http',
    },
    ...(Object.keys(parameters).length > 0 ? { queryStringParameters: parameters } : {}),
    requestContext: {
      accountId,
      apiId: 'local',
      ...(authorizer === undefined ? {} : { authorizer }),
      domainName: host,
      domainPrefix: host.split('.')[0]!,
      http: {
        method: request.method,
        path: request.path,
        protocol: request.protocol,
        sourceIp: request.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: request.requestId,
      routeKey: match.routeKey,
      stage: '$default',
      time: clfTime(request.now),
      timeEpoch: request.now,
    },
    ...(request.body.length > 0 ? { body: request.body.toString(isText ? 'utf8' : 'base64') } : {}),
    ...(Object.keys(match.parameters).length > 0 ? { pathParameters: match.parameters } : {}),
    isBase64Encoded: request.body.length > 0 && !isText,
  };
}
