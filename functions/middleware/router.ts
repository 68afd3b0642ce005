import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { HttpAnswer, HttpEvent } from '#functions/middleware/http.ts';
import { ProblemError, problems } from '#functions/middleware/problems.ts';

export type HttpHandler = (event: HttpEvent, context: Context) => Promise<HttpAnswer>;

const notFound: HttpHandler = middy<HttpEvent, HttpAnswer>()
  .use(problems())
  .handler(() => {
    throw new ProblemError('notFound', 'There is nothing here.');
  });

/** One function for several routes, by the HTTP API's `routeKey`: `POST /v1/tickets`. */
export function router(routes: Readonly<Record<string, HttpHandler>>): HttpHandler {
  const table = new Map(Object.entries(routes));
  return (event, context) => (table.get(event.routeKey) ?? notFound)(event, context);
}
