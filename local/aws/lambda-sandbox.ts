/** One worker thread that runs one function, one invocation at a time, until it crashes or is ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { FromRuntime, Invocation, LambdaError, RuntimeData } from './lambda-runtime.ts';

export interface InvokeResult {
  /** JSON: what the handler returned, or a {@link LambdaError}. */
  readonly payload: string;
  /** The handler failed, crashed or ran out of time. */
  readonly failed: boolean;
}

export interface SandboxOptions {
  readonly data: RuntimeData;
  /** All of `process.env`. */
  readonly env: Readonly<Record<string, string>>;
  readonly onOutput: (text: string) => void;
}

/** Loading the module is not counted against an invocation's time, up to here: as on AWS. */
const maxInitMs = 10_000;

const failure = (error: LambdaError): InvokeResult => ({ failed: true, payload: JSON.stringify(error) });

function exitReason(error: Error & { code?: string }): string {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'Runtime exited with error: signal: killed';
  return `Runtime exited: ${error.message}`;
}

export class Sandbox {
  readonly #worker: Worker;
  readonly #loaded: Promise<void>;
  /** Why the worker ended, once it has. */
  #ended: string | undefined;
  /** Of the invocation that runs. */
  #settle: ((result: InvokeResult | { readonly ended: string }) => void) | undefined;

  constructor({ data, env, onOutput }: SandboxOptions) {
    this.#worker = new Worker(new URL('./lambda-runtime.ts', import.meta.url), {
      name: `lambda ${data.functionName}`,
      workerData: data,
      env,
      // Flags of this process (a test runner's) are not the function's.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: data.memoryMb },
      stdout: true,
      stderr: true,
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.setEncoding('utf8').on('data', onOutput);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#loaded = promise;
    this.#worker.on('message', (message: FromRuntime) => {
      if (message.kind === 'loaded') resolve();
      else if (message.kind === 'error') this.#settle?.(failure(message.error));
      else this.#settle?.({ failed: false, payload: message.payload });
    });
    this.#worker.on('error', error => this.#end(exitReason(error)));
    this.#worker.on('exit', code => {
      this.#end(`Runtime exited with error: exit status ${code}`);
      resolve();
    });
  }

  /** False once it must not be used again. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Never rejects: whatever happens to the function is a result. */
  async invoke(invocation: Invocation): Promise<InvokeResult> {
    const { promise, resolve } = Promise.withResolvers<InvokeResult | { readonly ended: string }>();
    this.#settle = resolve;
    const init = new AbortController();
    await Promise.race([this.#loaded, sleep(maxInitMs, undefined, { signal: init.signal }).catch(() => {})]);
    init.abort();
    if (this.#ended !== undefined) resolve({ ended: this.#ended });
    const timer = setTimeout(() => {
      const seconds = (invocation.timeoutMs / 1000).toFixed(2);
      const errorMessage = `RequestId: ${invocation.requestId} Error: Task timed out after ${seconds} seconds`;
      resolve(failure({ errorType: 'Sandbox.Timedout', errorMessage }));
      void this.stop();
    }, invocation.timeoutMs);
    this.#worker.postMessage(invocation);
    const result = await promise;
    clearTimeout(timer);
    this.#settle = undefined;
    if (!('ended' in result)) return result;
    return failure({
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${invocation.requestId} Error: ${result.ended}`,
    });
  }

  async stop(): Promise<void> {
    this.#end('Runtime exited with error: signal: killed');
    await this.#worker.terminate();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#settle?.({ ended: this.#ended });
  }
}
