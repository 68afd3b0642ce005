/** Session channels of the fallback SSH host: a shell, a command or sftp, with a terminal where one is asked for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import pty from '@lydell/node-pty';
import type { PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import { answerSftp } from './ssh-fallback-sftp.ts';

export interface SessionAccount {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** Variables that a client may set, as sshd on Debian has it: LANG and LC_*. */
const accepted = /^(LANG|LC_[A-Z]{1,32})$/;
const maxCells = 1000;

/** What ends each process that runs. */
const running = new Set<() => void>();

/** Ends everything that runs. */
export function endSessions(): void {
  for (const end of running) end();
}

export function answerSession(session: Session, account: SessionAccount): void {
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
  };
  let terminal: PseudoTtyInfo | undefined;
  let process_: Running | undefined;

  session.on('pty', (accept, _reject, info) => {
    terminal = info;
    accept?.();
  });
  session.on('env', (accept, reject, { key, val }) => {
    if (!accepted.test(key)) return reject?.();
    env[key] = val;
    accept?.();
  });
  session.on('window-change', (accept, _reject, { cols, rows }) => {
    process_?.resize(cols, rows);
    accept?.();
  });
  session.on('signal', (accept, _reject, { name }) => {
    if (Object.hasOwn(constants.signals, `SIG${name}`)) process_?.kill(`SIG${name}` as NodeJS.Signals);
    accept?.();
  });
  const start = (channel: ServerChannel, args: readonly string[]) => {
    process_ =
      terminal === undefined
        ? startPlain(channel, account, args, env)
        : startInTerminal(channel, account, args, env, terminal);
  };
  session.on('shell', accept => start(accept(), ['-l']));
  session.on('exec', (accept, _reject, { command }) => start(accept(), ['-c', command]));
  session.on('sftp', accept => answerSftp(accept(), account.home));
}

interface Running {
  kill(signal: NodeJS.Signals): void;
  resize(cols: number, rows: number): void;
}

function startPlain(
  channel: ServerChannel,
  { shell, home }: SessionAccount,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Running {
  const child = spawn(shell, args, { cwd: home, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const { stdin, stdout, stderr } = child;
  // Either side may be gone before the other.
  for (const stream of [stdin, stdout, stderr, channel]) stream.on('error', () => {});
  channel.pipe(stdin);
  stdout.pipe(channel, { end: false });
  stderr.pipe(channel.stderr, { end: false });
  child.once('error', () => finish(channel, 127, undefined));
  child.once('close', (code, signal) => finish(channel, code ?? 0, signal ?? undefined));
  const kill = (signal: NodeJS.Signals) => killGroup(child, signal);
  follow(channel, child, () => kill('SIGHUP'));
  return { kill, resize: () => {} };
}

function startInTerminal(
  channel: ServerChannel,
  { shell, home }: SessionAccount,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { term, cols, rows }: PseudoTtyInfo,
): Running {
  const child = pty.spawn(shell, [...args], {
    name: term || 'xterm',
    ...size(cols, rows),
    cwd: home,
    env,
    encoding: null,
  });
  const kill = (signal: NodeJS.Signals) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  };
  const end = () => kill('SIGHUP');
  running.add(end);
  channel.on('error', () => {});
  channel.on('data', (data: Buffer) => child.write(data as unknown as string));
  child.onData(data => {
    if (channel.write(data)) return;
    child.pause();
    channel.once('drain', () => child.resume());
  });
  child.onExit(({ exitCode, signal }) => {
    running.delete(end);
    finish(channel, exitCode, signalName(signal));
  });
  channel.once('close', end);
  return {
    kill,
    resize: (newCols, newRows) => {
      const wanted = size(newCols, newRows);
      child.resize(wanted.cols, wanted.rows);
    },
  };
}

const cells = (wanted: number, usual: number) => Math.min(wanted >= 1 ? wanted : usual, maxCells);
const size = (cols: number, rows: number) => ({ cols: cells(cols, 80), rows: cells(rows, 24) });

function signalName(number: number | undefined): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] as NodeJS.Signals | undefined;
}

function follow(channel: ServerChannel, child: ChildProcess, end: () => void): void {
  running.add(end);
  child.once('close', () => running.delete(end));
  channel.once('close', end);
}

/** The shell and what it has started. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

function finish(channel: ServerChannel, code: number, signal: NodeJS.Signals | undefined): void {
  if (channel.destroyed) return;
  if (signal === undefined) channel.exit(code);
  else channel.exit(signal.slice(3), false, '');
  channel.end();
}
