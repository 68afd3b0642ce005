import { readFileSync } from 'node:fs';
import type { Context } from 'aws-lambda';
import type { HttpAnswer, HttpEvent } from '#functions/middleware/http.ts';
import type { HttpHandler } from '#functions/middleware/router.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { type Snapshot, sealSnapshot } from '#lib/policy/snapshot.ts';

export const start = Date.UTC(2026, 0, 15, 12);
export const issuer = 'https://id.example';

export const dev: Principal = {
  issuer,
  subject: 'u-dev',
  name: 'dev@example.com',
  kind: 'human',
  groups: ['developers'],
  expiresAt: start / 1000 + 3600,
};

const schema = readFileSync(new URL('../../../lib/policy/schema.cedarschema', import.meta.url), 'utf8');

/**
 * A snapshot with the targets `shop` and `hr`, in which operators may do all there is to do with the control
 * plane. `padding`: so many policies of 60 KB on top.
 */
export function snapshot(description = 'A shop.', padding = 0): Snapshot {
  const target = {
    protocol: 'postgres' as const,
    secret: 'sallyport/targets/shop',
    database: 'shop',
    databases: [],
    tls: { mode: 'verify-full' as const },
    tags: {},
  };
  const text = [
    '@id("operators") permit (principal in Group::"operators",',
    'action in [Action::"sessions:list", Action::"sessions:kill", Action::"tickets:create",',
    'Action::"keys:bind", Action::"keys:list-all", Action::"keys:revoke-all"], resource);',
  ].join(' ');
  return sealSnapshot({
    schema,
    policies: [
      { id: 'operators', file: 'policies/operators.cedar', line: 1, text },
      ...Array.from({ length: padding }, (_, index) => ({
        id: `padding-${index}`,
        file: 'policies/padding.cedar',
        line: index + 1,
        text: `${text} // ${String(index).repeat(60_000 / String(index).length)}`,
      })),
    ],
    targets: { shop: { ...target, description }, hr: target },
    approvals: {},
    masks: { classes: {}, assignments: [] },
  });
}

interface EventParts {
  readonly body?: string | undefined;
  readonly isBase64Encoded?: boolean;
  readonly authorizer?: unknown;
  readonly authorization?: string;
  readonly pathParameters?: Record<string, string>;
}

/** What the HTTP API sends for a route (payload format 2.0). */
export function event(routeKey: string, parts: EventParts = {}): HttpEvent {
  const [method = '', path = ''] = routeKey.split(' ');
  const { body, isBase64Encoded = false, authorizer, authorization, pathParameters } = parts;
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'api.example',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.7', userAgent: 'test' },
      requestId: 'request-1',
      routeKey,
      stage: '$default',
      time: '15/Jan/2026:12:00:00 +0000',
      timeEpoch: start,
      ...(authorizer !== undefined && { authorizer }),
    },
    isBase64Encoded,
    ...(body !== undefined && { body }),
    ...(pathParameters && { pathParameters }),
  } as HttpEvent;
}

export const gateway = { iam: { userArn: 'arn:aws:sts::000000000000:assumed-role/gateway/task' } };

/** What the authoriser adds for a token with these claims: on AWS, everything is text. */
export function signedIn(claims: Record<string, unknown>): Pick<EventParts, 'authorizer' | 'authorization'> {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const flat = (value: unknown) =>
    Array.isArray(value)
      ? `[${value.join(' ')}]`
      : typeof value === 'object'
        ? `map[${Object.entries(value ?? {}).map(entry => entry.join(':'))}]`
        : String(value);
  return {
    authorization: `Bearer ${part({ alg: 'ES256', typ: 'at+jwt' })}.${part(claims)}.c2lnbmF0dXJl`,
    authorizer: {
      jwt: {
        claims: Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, flat(value)])),
        scopes: null,
      },
    },
  };
}

/** Claims of somebody in these groups. */
export const claims = (more: Record<string, unknown> = {}) => ({
  iss: issuer,
  sub: 'u-op',
  aud: 'sallyport',
  exp: start / 1000 + 600,
  email: 'op@example.com',
  groups: ['operators'],
  ...more,
});

/** Calls a handler and reads its answer. */
export async function call(
  handler: HttpHandler,
  sent: HttpEvent,
): Promise<{ status: number; body: Record<string, unknown>; answer: HttpAnswer }> {
  const answer = await handler(sent, { awsRequestId: 'request-1' } as Context);
  return { status: answer.statusCode ?? 0, body: JSON.parse(answer.body ?? 'null'), answer };
}
