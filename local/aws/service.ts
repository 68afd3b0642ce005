/**
 * What the stand-in's services have in common. A service is one signing name, one wire format and a set of
 * operations; the server does the rest: signature, permission, faults, request ids.
 */
import type { Permission, Role } from './roles.ts';

/** A request whose signature holds. */
export interface AwsRequest {
  readonly method: string;
  /** As sent: percent-encoded, without the query. */
  readonly path: string;
  /** As sent, without the `?`. */
  readonly query: string;
  /** Lower-case names, values of repeated headers joined by `,`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly role: Role;
  readonly requestId: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** One operation, understood but not begun. */
export interface Call {
  /** AWS's name of it: `PutItem`. */
  readonly operation: string;
  /** All of them must be allowed. */
  readonly permissions: readonly Permission[];
  run(): Promise<AwsAnswer>;
}

export interface AwsService {
  /** The service name in the credential scope: `dynamodb`. */
  readonly signingName: string;
  readonly maxBodyBytes: number;
  /** With which status it refuses whom it does not know or does not permit: JSON services 400, REST ones 403. */
  readonly refusalStatus: 400 | 403;
  /** @returns nothing when there is no such operation. @throws {AwsError} when the request makes no sense. */
  accept(request: AwsRequest): Call | undefined;
  /** An error in the service's wire format. */
  refuse(error: AwsError): AwsAnswer;
  close(): Promise<void>;
}

/** An error that an AWS service answers with. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  /** `ConditionalCheckFailedException`; a namespace may stand before a `#`. */
  readonly code: string;
  readonly status: number;
  /** Members that the answer carries beside code and message. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

/** Anything thrown, as an answer. What is no `AwsError` is a fault of the stand-in and says so. */
export function toAwsError(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new AwsError('InternalServerError', `The stand-in failed: ${reason}`, 500);
}
