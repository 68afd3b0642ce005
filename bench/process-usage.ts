import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel counts for a process, from /proc (Linux only): proc_pid_stat(5), proc_pid_status(5). */

/** Clock ticks are 10 ms on every Linux of today: USER_HZ is 100, whatever the kernel's own rate is. */
const TICK_US = 10_000;

/** The children of a process, theirs, and so on, as they are now. */
export function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .map(Number)
    .filter(each => Number.isInteger(each) && parentOf(each) === pid);
  return children.flatMap(child => [child, ...descendants(child)]);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(fieldsOf(pid)[1]);
  } catch {
    // It ended in the meantime.
    return undefined;
  }
}

/** The fields of proc_pid_stat(5) from the third on. */
function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in parentheses and may hold anything; counting starts after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** User and system time that these processes have used so far, in microseconds, to a hundredth of a second. */
export function cpuTimeUs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = fieldsOf(pid);
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_US;
  }, 0);
}

/** Memory of these processes in KiB, summed: resident now, or the most that each ever had. */
export function memoryKib(pids: readonly number[], field: 'VmRSS' | 'VmHWM'): number {
  return pids.reduce((sum, pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
    if (line === null) throw new Error(`/proc/${pid}/status has no ${field}`);
    return sum + Number(line[1]);
  }, 0);
}
