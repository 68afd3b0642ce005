/** The time by which something must be done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** From now on so long, whatever was left: somebody has to be waited for. */
  extend(milliseconds: number): void;
}

/**
 * A deadline that ends with its scope (`using`). `AbortSignal.timeout` holds on to whatever listens to it
 * until its time has come: a crowd of connections that came and went would stay in memory for half a minute.
 */
export function deadlineIn(milliseconds: number): Deadline {
  const controller = new AbortController();
  const begin = (time: number): NodeJS.Timeout => setTimeout(() => controller.abort(), time).unref();
  let timer = begin(milliseconds);
  return {
    signal: controller.signal,
    extend(time) {
      clearTimeout(timer);
      timer = begin(time);
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
