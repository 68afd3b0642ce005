/**
 * The AWS port: finds the service by the request's credential scope, checks signature and permission, and
 * leaves the rest to the service. Nothing is answered without a signature that holds.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BodyTooLarge, joinHeaders, readBody, send, splitTarget } from './exchange.ts';
import { type Faults, withFault } from './faults.ts';
import { type RoleTable, roleArn } from './roles.ts';
import { type AwsAnswer, AwsError, type AwsService, toAwsError } from './service.ts';
import { checkSignature, readSignature, type SignedRequest, SigV4Error, type SigV4Reason } from './sigv4.ts';

export interface AwsPortOptions {
  readonly services: readonly AwsService[];
  readonly roles: RoleTable;
  readonly region: string;
  readonly accountId: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly faults: Faults;
  /** Fires when the stack stops. */
  readonly stopped: AbortSignal;
}

/** The names of the JSON services; S3 has its own. */
const errorNames: Readonly<Record<SigV4Reason, string>> = {
  missing: 'MissingAuthenticationTokenException',
  incomplete: 'IncompleteSignatureException',
  unknownKey: 'UnrecognizedClientException',
  skewed: 'InvalidSignatureException',
  mismatch: 'InvalidSignatureException',
  bodyMismatch: 'InvalidSignatureException',
};

/** An error before it is known which service is meant. */
function plainRefusal(error: AwsError): AwsAnswer {
  const name = error.code.slice(error.code.indexOf('#') + 1);
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': name },
    body: JSON.stringify({ __type: `com.amazon.coral.service#${name}`, message: error.message }),
  };
}

function translate(error: unknown, refusalStatus: number): AwsError {
  if (error instanceof SigV4Error) {
    const name = errorNames[error.reason];
    return new AwsError(`com.amazon.coral.service#${name}`, error.message, refusalStatus);
  }
  if (error instanceof BodyTooLarge) {
    return new AwsError('RequestEntityTooLargeException', 'The request is too large.', 413);
  }
  return toAwsError(error);
}

const unknownOperation = (message: string) =>
  new AwsError('com.amazon.coral.service#UnknownOperationException', message);

export function createAwsPort(options: AwsPortOptions): Server {
  const { roles, region, accountId, clock, faults, stopped } = options;
  const services = new Map(options.services.map(service => [service.signingName, service]));

  async function answer(request: IncomingMessage, requestId: string): Promise<AwsAnswer | undefined> {
    const signed: SignedRequest = {
      method: request.method ?? '',
      ...splitTarget(request),
      headers: joinHeaders(request.rawHeaders),
    };
    let service: AwsService | undefined;
    try {
      const signature = readSignature(signed);
      service = services.get(signature.service);
      if (service === undefined)
        throw unknownOperation(`This stand-in has no service '${signature.service}'.`);
      if (signature.region !== region) {
        throw new SigV4Error(
          'mismatch',
          `Credential should be scoped to a valid region, not '${signature.region}'.`,
        );
      }
      const body = await readBody(request, service.maxBodyBytes);
      const role = roles.byAccessKey(signature.accessKeyId);
      checkSignature(signed, body, signature, role, clock());
      if (role === undefined)
        throw new SigV4Error('unknownKey', 'The security token included in the request is invalid.');
      const call = service.accept({ ...signed, body, role, requestId });
      if (call === undefined)
        throw unknownOperation(`This stand-in has no such operation of '${signature.service}'.`);
      const denied = roles.firstDenied(role, call.permissions);
      if (denied !== undefined) {
        const who = `User: ${roleArn(role, accountId)}`;
        const what = `${denied.action} on resource: ${denied.resource}`;
        const message = `${who} is not authorized to perform: ${what}`;
        throw new AwsError('AccessDeniedException', message, service.refusalStatus);
      }
      return await withFault(faults.take(signature.service, call.operation), () => call.run(), stopped);
    } catch (error) {
      const refusal = translate(error, service?.refusalStatus ?? 400);
      return service === undefined ? plainRefusal(refusal) : service.refuse(refusal);
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const reply = await answer(request, requestId);
    if (reply === undefined) return void request.socket.destroy();
    const headers = [...Object.entries(reply.headers), ['x-amzn-requestid', requestId] as const];
    send(response, reply.status, headers, reply.body, clock());
  }

  return createServer((request, response) => void handle(request, response));
}
