/**
 * Runs functions as Lambda does: each in worker threads with an environment of their own, one invocation at a
 * time in each, more of them under load, a cold start when one is needed. A function that crashes or runs out
 * of time takes its worker along, and nobody else.
 */
import { Worker } from 'node:worker_threads';
import type { Invocation, LambdaError, Outcome, RuntimeData } from './lambda-runtime.ts';
import { AwsError } from './service.ts';

export interface HostedFunction {
  readonly name: string;
  /** The module that exports `handler`: a bundle, or source that Node can run. */
  readonly file: string;
  /** All that the function sees as `process.env`, beside what Lambda sets; asked at each cold start. */
  readonly env: () => Readonly<Record<string, string>>;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Default 256. */
  readonly memoryMb?: number;
  /** How many invocations run at once; more wait. Default 4. */
  readonly concurrency?: number;
}

export interface InvokeResult {
  /** JSON: what the handler returned, or a {@link LambdaError}. */
  readonly payload: string;
  /** The handler failed, crashed or ran out of time. */
  readonly failed: boolean;
}

export interface LambdaHost {
  has(name: string): boolean;
  /**
   * @param event JSON.
   * @throws {AwsError} ResourceNotFoundException, TooManyRequestsException, ServiceException after `stop`.
   */
  invoke(name: string, event: string, requestId: string): Promise<InvokeResult>;
  /** Ends every worker; invocations that run end with an error. */
  stop(): Promise<void>;
}

export interface LambdaHostOptions {
  readonly functions: readonly HostedFunction[];
  readonly region: string;
  readonly accountId: string;
  /** Lines that functions print. */
  readonly onOutput?: (functionName: string, text: string) => void;
}

const defaults = { timeoutMs: 30_000, memoryMb: 256, concurrency: 4 };
/** Invocations of one function that may wait; AWS throttles too. */
const maxWaiting = 1000;

const failure = (error: LambdaError): InvokeResult => ({ failed: true, payload: JSON.stringify(error) });

/** The pool of one function. */
class FunctionPool {
  readonly #spec: Required<HostedFunction>;
  readonly #options: LambdaHostOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #stopped = false;

  constructor(spec: HostedFunction, options: LambdaHostOptions) {
    this.#spec = { ...defaults, ...spec };
    this.#options = options;
  }

  async invoke(event: string, requestId: string): Promise<InvokeResult> {
    await this.#takeSlot();
    try {
      if (this.#stopped) throw new AwsError('ServiceException', 'The host is stopped.', 500);
      const worker = this.#idle.pop() ?? this.#start();
      const result = await this.#run(worker, { requestId, event, timeoutMs: this.#spec.timeoutMs });
      if (this.#all.has(worker)) this.#idle.push(worker);
      return result;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#all].map(worker => worker.terminate()));
  }

  async #takeSlot(): Promise<void> {
    if (this.#running >= this.#spec.concurrency) {
      if (this.#waiting.length >= maxWaiting) {
        throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429, {
          Reason: 'ConcurrentInvocationLimitExceeded',
        });
      }
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }

  #start(): Worker {
    const { name, file, env, memoryMb } = this.#spec;
    const functionArn = `arn:aws:lambda:${this.#options.region}:${this.#options.accountId}:function:${name}`;
    const worker = new Worker(new URL('./lambda-runtime.ts', import.meta.url), {
      name: `lambda ${name}`,
      workerData: { file, functionName: name, functionArn, memoryMb } satisfies RuntimeData,
      env: {
        ...env(),
        AWS_REGION: this.#options.region,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
        TZ: ':UTC',
      },
      // Flags of this process (a test runner's) are not the function's.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      stdout: true,
      stderr: true,
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.#options.onOutput?.(name, text));
    }
    this.#all.add(worker);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    // Whoever invokes hears of it too; an idle worker that fails is only dropped.
    worker.on('error', () => {});
    return worker;
  }

  async #run(worker: Worker, invocation: Invocation): Promise<InvokeResult> {
    const { promise, resolve } = Promise.withResolvers<InvokeResult>();
    const onMessage = (outcome: Outcome) =>
      resolve(
        outcome.kind === 'value' ? { failed: false, payload: outcome.payload } : failure(outcome.error),
      );
    const exitError = (reason: string) =>
      failure({
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${invocation.requestId} Error: ${reason}`,
      });
    const onError = (error: Error & { code?: string }) => {
      this.#all.delete(worker);
      resolve(
        exitError(
          error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? 'Runtime exited with error: signal: killed'
            : `Runtime exited: ${error.message}`,
        ),
      );
    };
    const onExit = (code: number) => resolve(exitError(`Runtime exited with error: exit status ${code}`));
    const timer = setTimeout(() => {
      // It must not be used again, and need not have ended for the answer to be given.
      this.#all.delete(worker);
      void worker.terminate();
      const seconds = (invocation.timeoutMs / 1000).toFixed(2);
      resolve(
        failure({
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${invocation.requestId} Error: Task timed out after ${seconds} seconds`,
        }),
      );
    }, invocation.timeoutMs);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(invocation);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    }
  }
}

export function startLambdaHost(options: LambdaHostOptions): LambdaHost {
  const pools = new Map(options.functions.map(spec => [spec.name, new FunctionPool(spec, options)]));
  return {
    has: name => pools.has(name),
    async invoke(name, event, requestId) {
      const pool = pools.get(name);
      if (pool === undefined) {
        const arn = `arn:aws:lambda:${options.region}:${options.accountId}:function:${name}`;
        throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404, { Type: 'User' });
      }
      return pool.invoke(event, requestId);
    },
    async stop() {
      await Promise.all([...pools.values()].map(pool => pool.stop()));
    },
  };
}
