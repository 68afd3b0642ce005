import type { MiddlewareObj } from '@middy/core';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { type Problem, type ProblemCode, problemCodes } from '#lib/aws/control-api.ts';
import { SallyportError } from '#lib/errors.ts';

/** A refusal that the caller is to read. `message` and `detail` hold no secret. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly detail: string | undefined;

  constructor(code: ProblemCode, message: string, detail?: string) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export type Log = (line: Readonly<Record<string, unknown>>) => void;

/** CloudWatch Logs takes what a function prints. */
export const toStandardError: Log = line => console.error(JSON.stringify(line));

/**
 * Every error becomes a problem (RFC 9457) with a `code`. What we did not foresee says nothing to the caller;
 * the log has it, under the request's id.
 */
export function problems(log: Log = toStandardError): MiddlewareObj<HttpEvent, HttpAnswer> {
  return {
    onError: request => {
      const { error, event, context } = request;
      const problem = problemOf(error);
      if (problem.status >= 500) {
        const requestId = context?.awsRequestId ?? event.requestContext?.requestId;
        log({ level: 'error', code: problem.code, requestId, error: story(error) });
      }
      request.response = json(problem.status, problem, 'application/problem+json');
    },
  };
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return problem(error.code, error.message, error.detail);
  if (error instanceof SallyportError && isProblemCode(error.code)) {
    return problem(error.code, error.message, error.hint ?? error.detail);
  }
  return problem('internal', 'Something went wrong here.', undefined);
}

function problem(code: ProblemCode, title: string, detail: string | undefined): Problem {
  return { title, status: problemCodes[code], code, ...(detail === undefined ? {} : { detail }) };
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemCodes, code);
}

/** The error and its causes, outermost first. */
export function story(error: unknown): readonly string[] {
  const lines: string[] = [];
  for (let next = error; next !== undefined && lines.length < 8; ) {
    lines.push(next instanceof Error ? (next.stack ?? String(next)) : String(next));
    next = next instanceof Error ? next.cause : undefined;
  }
  return lines;
}
