import type { MiddlewareObj } from '@middy/core';
import { z } from 'zod';
import type { HttpEvent } from '#functions/middleware/http.ts';
import { ProblemError } from '#functions/middleware/problems.ts';

const contextSchema = z.object({
  authorizer: z.object({ iam: z.object({ userArn: z.string().min(1) }) }),
});

/**
 * Only for callers whose signature API Gateway has checked against IAM: gateway tasks. Which role may call which
 * route is IAM's affair; here it is made sure that no route was left without.
 */
export function iamCaller(): MiddlewareObj<HttpEvent> {
  return {
    before: request => {
      if (contextSchema.safeParse(request.event.requestContext).success) return;
      throw new ProblemError('unauthenticated', 'Sign the request with Signature Version 4.');
    },
  };
}
