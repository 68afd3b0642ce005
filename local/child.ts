/**
 * Servers that run as children. A child never outlives this process: not after a clean stop, and not after
 * SIGKILL either, for which a shell of a few hundred kilobytes stands by each child and ends it when the
 * pipe from here closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its output is appended; made with mode 0600. */
  readonly logFile: string;
  /** Who it runs as, where not as this process. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined;
  /** The signal that asks it to end at once, but cleanly. */
  readonly endSignal: NodeJS.Signals;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  running(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** Sends each signal in turn until the child is gone, with `waitMs` after each, and SIGKILL at last. */
  stop(signals: readonly NodeJS.Signals[], waitMs: number): Promise<Exit>;
}

/** How long a child may take to end by itself after this process has died, in seconds. */
const orphanGraceSeconds = 5;

const guardScript = `read -r word && exit 0
kill -s "$2" "$1" || exit 0
n=0
while kill -s 0 "$1" && [ $n -lt ${orphanGraceSeconds * 5} ]; do sleep 0.2; n=$((n + 1)); done
kill -s KILL "$1"`;

/** @throws Error when the program cannot be started */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['ignore', log, log],
    // Its own process group: Ctrl-C in a terminal reaches this process alone, which then ends it in order.
    detached: true,
    ...options.as,
  });
  closeSync(log);
  const exited = new Promise<Exit>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await once(child, 'spawn');
  const pid = child.pid!;
  const guard = startGuard(pid, options.endSignal);
  void exited.then(() => guard.stdin?.end('done\n'));
  const running = () => child.exitCode === null && child.signalCode === null;
  const kill = (signal: NodeJS.Signals) => {
    if (running()) child.kill(signal);
  };
  const stop = async (signals: readonly NodeJS.Signals[], waitMs: number) => {
    for (const signal of signals) {
      kill(signal);
      if (await settled(exited, waitMs)) return exited;
    }
    kill('SIGKILL');
    return exited;
  };
  return { pid, exited, running, kill, stop };
}

function startGuard(pid: number, signal: NodeJS.Signals): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', guardScript, 'sh', String(pid), signal.slice(3)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  // The guard may be gone first when the machine shuts down; that is no error of ours.
  guard.stdin?.on('error', () => {});
  const pipe = guard.stdin as (NodeJS.WritableStream & { unref?: () => void }) | null;
  pipe?.unref?.();
  return guard;
}

/** True when the promise settles within the time. */
async function settled(promise: Promise<unknown>, waitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), waitMs);
  });
  const done = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return done;
}
