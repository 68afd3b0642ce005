/** What Linux says of a process: proc(5). */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const kibibyte = 1024;

export interface MemoryFacts {
  /** Bytes in memory now. */
  readonly residentBytes: number;
  /** The most there were since the start, or since {@link forgetPeak}. */
  readonly peakBytes: number;
}

export async function memoryOf(pid: number): Promise<MemoryFacts> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) =>
    Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm'))?.[1]) * kibibyte;
  return { residentBytes: field('VmRSS'), peakBytes: field('VmHWM') };
}

/** The peak counts from now on. */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

export async function openFilesOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Waits until a process that has just started has compiled what it compiles: its memory rises and falls by hundreds of MiB. */
export async function untilCalm(pid: number): Promise<void> {
  const calmMs = 1500;
  const deadline = Date.now() + 30_000;
  let { residentBytes: reference } = await memoryOf(pid);
  let since = Date.now();
  while (Date.now() - since < calmMs && Date.now() < deadline) {
    await sleep(100);
    const { residentBytes } = await memoryOf(pid);
    if (Math.abs(residentBytes - reference) < 8 * 1024 * kibibyte) continue;
    reference = residentBytes;
    since = Date.now();
  }
}
