/**
 * What runs inside a function's worker: loads the handler once (cold start), then takes one invocation after
 * the other. Plain enough for Node to run without a build.
 */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

export interface RuntimeData {
  /** The module that exports `handler`. */
  readonly file: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
}

export interface Invocation {
  readonly requestId: string;
  /** JSON */
  readonly event: string;
  /** Milliseconds from now. */
  readonly timeoutMs: number;
}

/** What the worker says: once that the module is loaded (or cannot be), then one outcome per invocation. */
export type FromRuntime = { readonly kind: 'loaded' } | Outcome;

export type Outcome =
  /** JSON; what cannot be JSON is `null`, as on AWS. */
  | { readonly kind: 'value'; readonly payload: string }
  | { readonly kind: 'error'; readonly error: LambdaError };

/** What AWS answers for a function that failed. */
export interface LambdaError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

type Handler = (event: unknown, context: object) => unknown;

function toLambdaError(error: unknown): LambdaError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

async function load(file: string): Promise<Handler> {
  const module = (await import(pathToFileURL(file).href)) as { handler?: unknown };
  if (typeof module.handler === 'function') return module.handler as Handler;
  const error = new Error(`${file} exports no function named 'handler'`);
  error.name = 'Runtime.HandlerNotFound';
  throw error;
}

async function invoke(
  handler: Promise<Handler>,
  data: RuntimeData,
  invocation: Invocation,
): Promise<Outcome> {
  const deadline = performance.now() + invocation.timeoutMs;
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: data.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: data.functionArn,
    memoryLimitInMB: String(data.memoryMb),
    awsRequestId: invocation.requestId,
    logGroupName: `/aws/lambda/${data.functionName}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(deadline - performance.now())),
  };
  try {
    const value = await (await handler)(JSON.parse(invocation.event) as unknown, context);
    return { kind: 'value', payload: JSON.stringify(value) ?? 'null' };
  } catch (error) {
    return { kind: 'error', error: toLambdaError(error) };
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const data = workerData as RuntimeData;
  const handler = load(data.file);
  const loaded = () => port.postMessage({ kind: 'loaded' } satisfies FromRuntime);
  // A handler that cannot be loaded fails every invocation.
  handler.then(loaded, loaded);
  port.on('message', (invocation: Invocation) => {
    void invoke(handler, data, invocation).then(outcome => port.postMessage(outcome satisfies FromRuntime));
  });
}
