/** The time by which something must be done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A deadline that ends with its scope (`using`). `AbortSignal.timeout` holds on to whatever listens to it
 * until its time has come: a crowd of connections that came and went would stay in memory for half a minute.
 */
export function deadlineIn(milliseconds: number): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds).unref();
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
