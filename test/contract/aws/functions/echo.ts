import { z } from 'zod';

interface Context {
  readonly awsRequestId: string;
  readonly functionName: string;
  readonly invokedFunctionArn: string;
  getRemainingTimeInMillis(): number;
}

let invocations = 0;

/** Says what it was given. It uses a package, so that only a bundle of it runs alone. */
export async function handler(event: unknown, context: Context): Promise<object> {
  invocations += 1;
  return {
    event: z.unknown().parse(event),
    invocations,
    remainingMs: context.getRemainingTimeInMillis(),
    requestId: context.awsRequestId,
    functionName: context.functionName,
    arn: context.invokedFunctionArn,
    env: process.env,
  };
}
