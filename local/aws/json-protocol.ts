/**
 * The AWS JSON protocols 1.0 and 1.1: `POST /`, the operation in `X-Amz-Target`, an object in, an object out.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
import { crc32 } from 'node:zlib';
import type { Permission } from './roles.ts';
import { type AwsAnswer, AwsError, type AwsService } from './service.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface JsonOperation {
  permissions(input: JsonObject): readonly Permission[];
  run(input: JsonObject): Promise<object> | object;
}

export interface JsonServiceOptions {
  readonly signingName: string;
  readonly version: '1.0' | '1.1';
  /** What stands before the operation in `X-Amz-Target`: `DynamoDB_20120810`. */
  readonly targetPrefix: string;
  /** What stands before an error's name in `__type`. */
  readonly namespace: string;
  readonly maxBodyBytes: number;
  readonly operations: Readonly<Record<string, JsonOperation>>;
  close(): Promise<void>;
}

function parse(body: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(body.toString('utf8') || '{}');
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Answered below, like any other text that is no object.
  }
  throw new AwsError('com.amazon.coral.service#SerializationException', 'The body is not a JSON object.');
}

export function jsonService(options: JsonServiceOptions): AwsService {
  const contentType = `application/x-amz-json-${options.version}`;
  const answer = (status: number, value: object): AwsAnswer => {
    const body = JSON.stringify(value);
    return { status, headers: { 'content-type': contentType, 'x-amz-crc32': String(crc32(body)) }, body };
  };
  return {
    signingName: options.signingName,
    maxBodyBytes: options.maxBodyBytes,
    refusalStatus: 400,
    accept(request) {
      const [prefix, name = '', ...rest] = (request.headers['x-amz-target'] ?? '').split('.');
      if (request.method !== 'POST' || prefix !== options.targetPrefix || rest.length > 0) return undefined;
      if (!Object.hasOwn(options.operations, name)) return undefined;
      const operation = options.operations[name]!;
      const input = parse(request.body);
      return {
        operation: name,
        permissions: operation.permissions(input),
        run: async () => answer(200, await operation.run(input)),
      };
    },
    refuse(error) {
      const type = error.code.includes('#') ? error.code : `${options.namespace}#${error.code}`;
      return answer(error.status, { __type: type, message: error.message, ...error.members });
    },
    close: () => options.close(),
  };
}
