/** Runs stock clients. */
import { spawn } from 'node:child_process';
import type { ReadyFile } from '#local/ready-file.ts';
import { postgresBin } from './tools.ts';

export interface ClientRun {
  /** Exit status, or the signal that ended it. */
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  /** SIGKILL then, and the run fails. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

/**
 * Runs a program to its end. Its environment is what is given and PATH, nothing else: no `.pgpass`, no `PG…` of
 * whoever runs the tests.
 *
 * @throws Error when it takes longer than `timeoutMs` (30 s)
 */
export async function runClient(
  command: string,
  args: readonly string[],
  options: ClientOptions = {},
): Promise<ClientRun> {
  const { timeoutMs = 30_000 } = options;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: '/nonexistent',
      ...options.env,
    },
    stdio: 'pipe',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', chunk => stdout.push(chunk));
  child.stderr.on('data', chunk => stderr.push(chunk));
  // A client may end before it has read all that it was given.
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const status = await new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  clearTimeout(timer);
  const run = { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  if (late) throw new Error(`${command} took more than ${timeoutMs} ms; it said: ${run.stdout}${run.stderr}`);
  return run;
}

/** How libpq finds the gateway and signs in as a person; for `env` of any libpq program. */
export function gatewayEnv(
  ready: ReadyFile,
  who: string,
  changes: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PGHOST: 'localhost',
    PGPORT: String(ready.gateway.postgres.port),
    PGDATABASE: 'shop',
    PGUSER: who,
    PGPASSWORD: ready.people[who]?.token ?? '',
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: ready.gateway.ca,
    ...changes,
  };
}

/**
 * Debian's psql 15 without a start-up file, unaligned, tuples only: what it prints is easily compared.
 *
 * @param statements each its own `-c`, so its own message to the server
 */
export function psql(
  env: Readonly<Record<string, string>>,
  statements: readonly string[],
  options: Omit<ClientOptions, 'env'> & { readonly args?: readonly string[] } = {},
): Promise<ClientRun> {
  const { args = [], ...rest } = options;
  const commands = statements.flatMap(statement => ['-c', statement]);
  return runClient(`${postgresBin}/psql`, ['-X', '-A', '-t', ...args, ...commands], { ...rest, env });
}
