/**
 * Runs functions as Lambda does: each in worker threads with an environment of their own, one invocation at a
 * time in each, more of them under load, a cold start when one is needed. A function that crashes or runs out
 * of time takes its worker along, and nobody else.
 */
import { type InvokeResult, Sandbox } from './lambda-sandbox.ts';
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

/** The sandboxes of one function. */
class FunctionPool {
  readonly #spec: Required<HostedFunction>;
  readonly #options: LambdaHostOptions;
  readonly #idle: Sandbox[] = [];
  readonly #all = new Set<Sandbox>();
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
      const sandbox = this.#takeIdle() ?? this.#start();
      const result = await sandbox.invoke({ requestId, event, timeoutMs: this.#spec.timeoutMs });
      if (sandbox.alive) this.#idle.push(sandbox);
      else this.#all.delete(sandbox);
      return result;
    } finally {
      this.#freeSlot();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#all].map(sandbox => sandbox.stop()));
  }

  /** A slot that is freed goes to whoever waits, so that nobody slips in between. */
  async #takeSlot(): Promise<void> {
    if (this.#running < this.#spec.concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= maxWaiting) {
      const members = { Reason: 'ConcurrentInvocationLimitExceeded' };
      throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429, members);
    }
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  #freeSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  /** One that crashed while it was idle is forgotten here. */
  #takeIdle(): Sandbox | undefined {
    for (let sandbox = this.#idle.pop(); sandbox !== undefined; sandbox = this.#idle.pop()) {
      if (sandbox.alive) return sandbox;
      this.#all.delete(sandbox);
    }
    return undefined;
  }

  #start(): Sandbox {
    const { name, file, env, memoryMb } = this.#spec;
    const { region, accountId, onOutput } = this.#options;
    const functionArn = `arn:aws:lambda:${region}:${accountId}:function:${name}`;
    const sandbox = new Sandbox({
      data: { file, functionName: name, functionArn, memoryMb },
      env: {
        ...env(),
        AWS_REGION: region,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
        TZ: ':UTC',
      },
      onOutput: text => onOutput?.(name, text),
    });
    this.#all.add(sandbox);
    return sandbox;
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
