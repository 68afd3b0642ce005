import middy from '@middy/core';
import type { Authorize } from '#functions/authorize.ts';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { iamCaller } from '#functions/middleware/iam-caller.ts';
import { jsonBody } from '#functions/middleware/json-body.ts';
import { jwtPrincipal } from '#functions/middleware/jwt-principal.ts';
import { permitted } from '#functions/middleware/permitted.ts';
import { ProblemError, problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import type { StoredTicket } from '#lib/aws/access-records.ts';
import type { Redemption } from '#lib/aws/access-store.ts';
import { redeemRequestSchema, type TicketAnswer, ticketRequestSchema } from '#lib/aws/control-api.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { hashTicket, isTicket, makeTicket } from '#lib/identity/ticket.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';

export interface TicketSources {
  readonly access: {
    putTicket(hash: string, ticket: StoredTicket): Promise<void>;
    redeemTicket(hash: string, target: string): Promise<Redemption>;
  };
  readonly policy: { current(): Promise<Snapshot> };
  readonly authorize: Authorize;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Answers so many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
}

/** The function tickets: makes them for people and agents, and takes them back from gateways, once. */
export function makeHandler(sources: TicketSources): HttpHandler {
  return router({
    'POST /v1/tickets': middy<HttpEvent, HttpAnswer>()
      .use(problems())
      .use(jwtPrincipal())
      .use(permitted('tickets:create', sources.authorize))
      .use(jsonBody(ticketRequestSchema))
      .handler(async event => {
        const { target, ttlSeconds } = event.json;
        return json(201, await create(sources, event.principal, target, ttlSeconds));
      }),
    'POST /v1/tickets/redeem': middy<HttpEvent, HttpAnswer>()
      .use(problems())
      .use(iamCaller())
      .use(jsonBody(redeemRequestSchema))
      .handler(async event =>
        json(200, { principal: await redeem(sources, event.json.ticket, event.json.target) }),
      ),
  });
}

async function create(
  { access, policy, now, random }: TicketSources,
  principal: Principal,
  target: string,
  ttlSeconds: number,
): Promise<TicketAnswer> {
  const { targets } = await policy.current();
  if (!Object.hasOwn(targets, target)) {
    throw new ProblemError('notFound', `There is no target ${JSON.stringify(target)}.`);
  }
  const createdAt = now();
  // A ticket is no way to outlive the token that it was made with.
  const notAfter = Math.min(createdAt + ttlSeconds * 1000, principal.expiresAt * 1000);
  const ticket = makeTicket(random);
  await access.putTicket(hashTicket(ticket), { principal, target, createdAt, notAfter });
  return { ticket, expiresAt: notAfter, protocol: targets[target]!.protocol };
}

async function redeem({ access }: TicketSources, ticket: string, target: string): Promise<Principal> {
  const redemption: Redemption = isTicket(ticket)
    ? await access.redeemTicket(hashTicket(ticket), target)
    : { outcome: 'unknown' };
  switch (redemption.outcome) {
    case 'redeemed':
      return redemption.ticket.principal;
    case 'wrongTarget':
      throw new ProblemError('wrongTarget', 'The ticket is for another target.');
    case 'unknown':
      throw new ProblemError('unauthenticated', 'The ticket is unknown, used or expired.');
  }
}
