import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { terminate } from '../../harness/terminate.ts';
import { eventually } from '../support/eventually.ts';
import type { PersonName } from '../support/test-stack.ts';
import type { SshSettings, SshStack } from './ssh-stack.ts';

/** An ssh that runs while a test goes on. */
export interface RunningSsh extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit status; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Waits until a text has come. */
  said(text: string, within?: number): Promise<void>;
}

/** `ssh -F settings ...before gw ...command`; ended with its scope (`await using`). */
export async function startSsh(
  sut: SshStack,
  person: PersonName,
  args: {
    readonly before?: readonly string[];
    readonly command?: readonly string[];
    readonly settings?: SshSettings;
  },
): Promise<RunningSsh> {
  const file = await sut.settings(args.settings);
  const child = spawn('ssh', ['-F', file, ...(args.before ?? []), 'gw', ...(args.command ?? [])], {
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      ...sut.env(sut.stack.ready.people[person]!.token),
    },
    cwd: '/',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => (stdout += chunk));
  child.stderr.on('data', chunk => (stderr += chunk));
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    ended,
    said: async (text, within = 20_000) => {
      await eventually(`ssh says ${text}`, () => stdout.includes(text) || stderr.includes(text), within);
    },
    [Symbol.asyncDispose]: async () => {
      terminate(child);
      await ended;
    },
  };
}
