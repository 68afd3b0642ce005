import type { z } from 'zod';
import type { JsonObject } from './json-protocol.ts';
import { AwsError } from './service.ts';

/** @throws {AwsError} ValidationException, with the member that is wrong. */
export function parse<Form extends z.ZodType>(schema: Form, input: JsonObject): z.output<Form> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new AwsError('ValidationException', `${issue.path.join('.') || 'request'}: ${issue.message}`);
}
