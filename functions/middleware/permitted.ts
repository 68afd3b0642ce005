import type { MiddlewareObj } from '@middy/core';
import type { Authorize, ControlAction } from '#functions/authorize.ts';
import type { WithPrincipal } from '#functions/middleware/jwt-principal.ts';
import { ProblemError } from '#functions/middleware/problems.ts';

/** Only for those to whom policy permits the action. Comes after `jwtPrincipal`. */
export function permitted(action: ControlAction, authorize: Authorize): MiddlewareObj<WithPrincipal> {
  return {
    before: async ({ event }) => {
      const sourceAddress = event.requestContext.http.sourceIp;
      const answer = await authorize(event.principal, action, sourceAddress);
      if (answer.effect !== 'allow') throw new ProblemError('forbidden', answer.message);
    },
  };
}
