/** `npm start` as a person or a script runs it, without npm's own second. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ReadyFile } from '#local/ready-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Started {
  readonly pid: number;
  /** What it has printed so far, on both streams. */
  output(): string;
  /** Settles with the exit status, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until the output holds the text. @throws Error with the output when it does not within `timeoutMs` */
  untilSaid(text: string, timeoutMs?: number): Promise<void>;
}

export function startProgram(args: readonly string[]): Started {
  const child = spawn(process.execPath, [join(root, 'local', 'bootstrap.mjs'), 'start', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk));
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  let over = false;
  void ended.finally(() => (over = true));
  const untilSaid = async (text: string, timeoutMs = 60_000) => {
    for (const deadline = Date.now() + timeoutMs; !output.includes(text); await sleep(50)) {
      if (over || Date.now() > deadline) throw new Error(`it did not say "${text}" but:\n${output}`);
    }
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    kill: signal => void child.kill(signal),
    untilSaid,
  };
}

export const readReadyFile = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as ReadyFile;

/** Processes whose command line holds all of the texts, by number. */
export async function processesWith(...texts: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (texts.every(text => line.includes(text))) found.push(Number(name));
  }
  return found;
}
