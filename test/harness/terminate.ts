import type { ChildProcess } from 'node:child_process';

const againMs = 250;

/**
 * Sends SIGTERM until the process is gone: ssh(1) looks at its flag and then polls, and a signal that comes between
 * the two wakes nothing.
 */
export function terminate(child: ChildProcess): void {
  child.kill('SIGTERM');
  const again = setInterval(() => child.kill('SIGTERM'), againMs);
  const gone = () => clearInterval(again);
  if (child.exitCode !== null || child.signalCode !== null) gone();
  else child.once('exit', gone);
}
