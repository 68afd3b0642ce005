import middy from '@middy/core';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { iamCaller } from '#functions/middleware/iam-caller.ts';
import { jsonBody } from '#functions/middleware/json-body.ts';
import { problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import type { AccessGrant, IdentityKey, Lock } from '#lib/aws/access-records.ts';
import { type LookupAnswer, type LookupRequest, lookupRequestSchema } from '#lib/aws/control-api.ts';
import { stops, type Use } from '#lib/aws/locks.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';

/** For how long a gateway may rely on an answer, and so how long policy outlives a control plane that is away. */
export const maxAgeMs = 60_000;

export interface LookupSources {
  readonly policy: { current(): Promise<Snapshot> };
  readonly access: {
    grants(principal: IdentityKey, target?: string): Promise<readonly AccessGrant[]>;
    locks(): Promise<readonly Lock[]>;
  };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The function policy-lookup: what a gateway must know to let somebody in, and to keep on deciding. */
export function makeHandler(sources: LookupSources): HttpHandler {
  return router({
    'POST /v1/lookup': middy<HttpEvent, HttpAnswer>()
      .use(problems())
      .use(iamCaller())
      .use(jsonBody(lookupRequestSchema))
      .handler(async event => json(200, await lookUp(sources, event.json))),
  });
}

async function lookUp({ policy, access, now }: LookupSources, request: LookupRequest): Promise<LookupAnswer> {
  const { principal, target, known } = request;
  // Taken first: an answer is as old as the oldest thing in it.
  const issuedAt = now();
  const [snapshot, locks, grants] = await Promise.all([
    policy.current(),
    access.locks(),
    principal ? access.grants(principal, target ?? undefined) : [],
  ]);
  const use: Use = { ...(principal && { principal }), ...(target !== null && { target }) };
  return {
    version: snapshot.version,
    issuedAt,
    maxAgeMs,
    ...(snapshot.version === known ? {} : { snapshot }),
    grants: grants.filter(({ id }) => !locks.some(lock => stops(lock, { grantId: id }))),
    locks: principal ? locks.filter(lock => stops(lock, use)) : [...locks],
  };
}
