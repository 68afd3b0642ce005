/** What Linux says of a process: proc(5). */
import { readdir, readFile, writeFile } from 'node:fs/promises';

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
