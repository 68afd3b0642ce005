import type { MiddlewareObj } from '@middy/core';
import { z } from 'zod';
import type { HttpEvent } from '#functions/middleware/http.ts';
import { ProblemError } from '#functions/middleware/problems.ts';

/** No request of ours is longer. */
export const maxBodyBytes = 64 * 1024;

/** An event whose body has been read. */
export type WithBody<T> = HttpEvent & { json: T };

/** Reads the body as JSON of one shape. The HTTP API hands bodies that are not text over in base64. */
export function jsonBody<T>(schema: z.ZodType<T>): MiddlewareObj<WithBody<T>> {
  return {
    before: request => {
      const result = schema.safeParse(parse(bodyText(request.event)));
      if (!result.success) {
        throw new ProblemError('invalidRequest', 'The body is not what it should be.', faults(result.error));
      }
      request.event.json = result.data;
    },
  };
}

function bodyText({ body = '', isBase64Encoded }: HttpEvent): string {
  // Base64 takes four characters for three bytes, and no character of text is less than one byte.
  const longest = isBase64Encoded ? Math.ceil(maxBodyBytes / 3) * 4 : maxBodyBytes;
  if (body.length > longest) throw tooLarge();
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length > maxBodyBytes) throw tooLarge();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notJson();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

function notJson() {
  return new ProblemError('invalidRequest', 'The body is not JSON.');
}

function tooLarge() {
  return new ProblemError('tooLarge', `The body is longer than ${maxBodyBytes} bytes.`);
}

function faults(error: z.ZodError): string {
  return z.prettifyError(error).slice(0, 1_000);
}
