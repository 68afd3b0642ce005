/**
 * Lambda's Invoke over REST-JSON.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
import type { LambdaHost } from './lambda-host.ts';
import { type AwsAnswer, AwsError, type AwsService } from './service.ts';

const maxRequestBytes = 6 * 1024 * 1024;
const maxEventBytes = 1024 * 1024;
const maxResponseBytes = 6 * 1024 * 1024;
/** AWS tries an asynchronous invocation that failed twice more. */
const asyncAttempts = 3;

export interface LambdaOptions {
  readonly host: LambdaHost;
  /** Between attempts of an asynchronous invocation; AWS waits one minute, then two. */
  readonly retryDelayMs: number;
}

function functionName(path: string): string | undefined {
  const match = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(path);
  if (match === null) return undefined;
  try {
    // A name, a partial ARN or a whole one: the name comes after the last colon.
    return decodeURIComponent(match[1]!).split(':').at(-1)!;
  } catch {
    return undefined;
  }
}

function checkJson(body: Buffer): string {
  const text = body.toString('utf8') || '{}';
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json', 400, {
      Type: 'User',
    });
  }
}

export function lambdaService(options: LambdaOptions): AwsService {
  const { host, retryDelayMs } = options;
  const background = new Set<NodeJS.Timeout>();

  function attempt(name: string, event: string, requestId: string, left: number): void {
    const again = () => {
      if (left <= 1) return;
      const timer = setTimeout(() => {
        background.delete(timer);
        attempt(name, event, requestId, left - 1);
      }, retryDelayMs);
      background.add(timer);
    };
    host.invoke(name, event, requestId).then(({ failed }) => failed && again(), again);
  }

  async function invoke(name: string, type: string, event: string, requestId: string): Promise<AwsAnswer> {
    const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST' };
    if (type === 'Event') {
      attempt(name, event, requestId, asyncAttempts);
      return { status: 202, headers: {}, body: '' };
    }
    const { payload, failed } = await host.invoke(name, event, requestId);
    if (Buffer.byteLength(payload) > maxResponseBytes) {
      const errorMessage = 'Response payload size exceeded maximum allowed payload size (6291556 bytes).';
      const body = JSON.stringify({ errorType: 'Function.ResponseSizeTooLarge', errorMessage });
      return { status: 200, headers: { ...headers, 'x-amz-function-error': 'Unhandled' }, body };
    }
    return {
      status: 200,
      headers: failed ? { ...headers, 'x-amz-function-error': 'Unhandled' } : headers,
      body: payload,
    };
  }

  return {
    signingName: 'lambda',
    maxBodyBytes: maxRequestBytes,
    refusalStatus: 403,
    accept(request) {
      const name = functionName(request.path);
      if (name === undefined || request.method !== 'POST') return undefined;
      const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
      return {
        operation: 'Invoke',
        permissions: [{ action: 'lambda:InvokeFunction', resource: name }],
        async run() {
          const event = checkJson(request.body);
          if (!host.has(name)) {
            throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404, {
              Type: 'User',
            });
          }
          if (type === 'DryRun') return { status: 204, headers: {}, body: '' };
          if (type !== 'RequestResponse' && type !== 'Event') {
            throw new AwsError('InvalidParameterValueException', `No such invocation type: ${type}`, 400, {
              Type: 'User',
            });
          }
          if (type === 'Event' && request.body.length > maxEventBytes) {
            throw new AwsError('RequestTooLargeException', 'The event is larger than 1 MB.', 413, {
              Type: 'User',
            });
          }
          return invoke(name, type, event, request.requestId);
        },
      };
    },
    refuse(error) {
      return {
        status: error.status,
        headers: {
          'content-type': 'application/json',
          'x-amzn-errortype': error.code.slice(error.code.indexOf('#') + 1),
        },
        body: JSON.stringify({ Message: error.message, message: error.message, ...error.members }),
      };
    },
    async close() {
      for (const timer of background) clearTimeout(timer);
    },
  };
}
