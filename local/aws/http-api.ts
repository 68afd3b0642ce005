/**
 * API Gateway's HTTP API: plain HTTP in front of the Lambda host, on a port of its own. (On the AWS port every
 * path belongs to some service: S3 addresses buckets by path.)
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Route } from '../../infra/routes.ts';
import { BodyTooLarge, joinHeaders, readBody, send, splitTarget } from './exchange.ts';
import { type Faults, withFault } from './faults.ts';
import {
  authorizeIam,
  type IamAuthorizerOptions,
  type JwtAuthorizer,
  NotAuthorized,
} from './http-authorizers.ts';
import { type Authorizer, type FrontRequest, toEvent } from './http-event.ts';
import { gatewayReply, internalServerError, type Reply, toReply } from './http-reply.ts';
import { decodePath, findRoute } from './http-routes.ts';
import type { LambdaHost } from './lambda-host.ts';
import { AwsError } from './service.ts';

export interface HttpApiOptions extends IamAuthorizerOptions {
  readonly routes: readonly Route[];
  readonly host: LambdaHost;
  /** Absent: routes that want a token answer 401 to everybody. */
  readonly authorizeJwt?: JwtAuthorizer;
  readonly faults: Faults;
  /** Fires when the stack stops. */
  readonly stopped: AbortSignal;
  /** How long a function may take: AWS gives it 30,000. */
  readonly integrationTimeoutMs: number;
}

const maxBodyBytes = 10 * 1024 * 1024;
const serviceUnavailable = gatewayReply(503, 'Service Unavailable');

export function createHttpApi(options: HttpApiOptions): Server {
  const { host, routes, faults, clock, stopped, integrationTimeoutMs, accountId } = options;

  async function authorize(
    auth: Route['auth'],
    request: IncomingMessage,
    body: Buffer,
  ): Promise<Authorizer | undefined> {
    const headers = joinHeaders(request.rawHeaders);
    switch (auth) {
      case 'none':
        return undefined;
      case 'jwt':
        if (options.authorizeJwt === undefined) throw new NotAuthorized(401, 'no issuer is configured');
        return options.authorizeJwt(headers['authorization']);
      case 'iam':
        return authorizeIam(
          { method: request.method ?? '', ...splitTarget(request), headers },
          body,
          options,
        );
    }
  }

  async function integrate(functionName: string, event: object, requestId: string): Promise<Reply> {
    const timer = new AbortController();
    const late = sleep(integrationTimeoutMs, serviceUnavailable, { signal: timer.signal });
    late.catch(() => {});
    const invoked = host.invoke(functionName, JSON.stringify(event), requestId);
    try {
      return await Promise.race([
        late,
        invoked.then(({ failed, payload }) => (failed ? internalServerError : toReply(payload))),
      ]);
    } finally {
      timer.abort();
    }
  }

  async function answer(request: IncomingMessage, requestId: string): Promise<Reply | undefined> {
    const { path: rawPath, query } = splitTarget(request);
    const path = decodePath(rawPath);
    if (path === undefined) return gatewayReply(400, 'Bad Request');
    const method = request.method ?? '';
    const match = findRoute(routes, method, path);
    if (match === undefined) return gatewayReply(404, 'Not Found');
    const body = await readBody(request, maxBodyBytes);
    const authorizer = await authorize(match.route.auth, request, body);
    const front: FrontRequest = {
      method,
      path,
      query,
      rawHeaders: request.rawHeaders,
      body,
      sourceIp: request.socket.remoteAddress ?? '',
      protocol: `HTTP/${request.httpVersion}`,
      port: request.socket.localPort ?? 0,
      requestId,
      now: clock(),
    };
    const event = toEvent(front, match, accountId, authorizer);
    const fault = faults.take('execute-api', match.routeKey);
    return withFault(fault, () => integrate(match.route.function, event, requestId), stopped);
  }

  function refuse(error: unknown): Reply {
    if (error instanceof BodyTooLarge) return gatewayReply(413, 'Request Entity Too Large');
    if (error instanceof NotAuthorized) {
      if (error.status === 403) return gatewayReply(403, 'Forbidden');
      const description = error.message.replace(/[^\x20-\x7e]|["\\]/g, "'");
      const challenge = `Bearer scope="" error="invalid_token" error_description="${description}"`;
      return gatewayReply(401, 'Unauthorized', [['www-authenticate', challenge]]);
    }
    if (error instanceof AwsError && error.status === 429) return serviceUnavailable;
    if (error instanceof AwsError) return gatewayReply(error.status, error.message);
    return internalServerError;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const reply = await answer(request, requestId).catch(refuse);
    if (reply === undefined) return void request.socket.destroy();
    const headers = [...reply.headers, ['apigw-requestid', requestId] as const];
    send(response, reply.status, headers, reply.body, clock());
  }

  return createServer((request, response) => void handle(request, response));
}

/** @returns the port that the server got. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
