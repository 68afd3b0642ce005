import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/** What API Gateway's HTTP API sends: payload format version 2.0. */
export type HttpEvent = APIGatewayProxyEventV2;
export type HttpAnswer = APIGatewayProxyStructuredResultV2;

/** Answers hold tickets and names of sessions: nobody on the way is to keep them. */
const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** An answer in JSON. */
export function json(statusCode: number, body: unknown, contentType = 'application/json'): HttpAnswer {
  return { statusCode, headers: { ...headers, 'content-type': contentType }, body: JSON.stringify(body) };
}
