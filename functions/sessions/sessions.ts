import middy from '@middy/core';
import type { Authorize } from '#functions/authorize.ts';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { jsonBody } from '#functions/middleware/json-body.ts';
import { jwtPrincipal } from '#functions/middleware/jwt-principal.ts';
import { permitted } from '#functions/middleware/permitted.ts';
import { ProblemError, problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import { type KillAnswer, killRequestSchema, type SessionsAnswer } from '#lib/aws/control-api.ts';
import { idSchema, type KillOrder, type LiveSession } from '#lib/aws/live-sessions.ts';

export interface SessionSources {
  readonly sessions: {
    list(): Promise<SessionsAnswer>;
    find(id: string): Promise<{ session: LiveSession; heardFrom: boolean } | undefined>;
    orderKill(
      session: Pick<LiveSession, 'id' | 'taskId'>,
      order: Omit<KillOrder, 'sessionId'>,
    ): Promise<void>;
  };
  readonly authorize: Authorize;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The function sessions: who is connected now, and how to end it. */
export function makeHandler(sources: SessionSources): HttpHandler {
  return router({
    'GET /v1/sessions': middy<HttpEvent, HttpAnswer>()
      .use(problems())
      .use(jwtPrincipal())
      .use(permitted('sessions:list', sources.authorize))
      .handler(async () => json(200, (await sources.sessions.list()) satisfies SessionsAnswer)),
    'POST /v1/sessions/{id}/kill': middy<HttpEvent, HttpAnswer>()
      .use(problems())
      .use(jwtPrincipal())
      .use(permitted('sessions:kill', sources.authorize))
      .use(jsonBody(killRequestSchema))
      .handler(async event => {
        const { issuer, subject, name } = event.principal;
        const by = { issuer, subject, name };
        return json(202, await kill(sources, event.pathParameters?.['id'], event.json.reason, by));
      }),
  });
}

async function kill(
  { sessions, now }: SessionSources,
  pathId: string | undefined,
  reason: string,
  by: KillOrder['by'],
): Promise<KillAnswer> {
  const id = idSchema.safeParse(pathId);
  const found = id.success ? await sessions.find(id.data) : undefined;
  if (!found) throw new ProblemError('notFound', 'There is no such live session.');
  const { session, heardFrom } = found;
  await sessions.orderKill(session, { reason, by, at: now() });
  return { sessionId: session.id, state: 'ordered', heardFrom };
}
