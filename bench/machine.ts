import { execFile } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What figures depend on; no figure is shown without it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Runnable processes over the minute before: above about 1, somebody else was at work. */
  readonly loadBefore: number;
  /** The commit that was measured, with `+changes` where files differ from it; null outside a clone. */
  readonly commit: string | null;
}

export async function machine(): Promise<Machine> {
  const git = (args: string[]) =>
    run('git', args, { cwd: import.meta.dirname }).then(({ stdout }) => stdout.trim());
  const commit = await git(['rev-parse', '--short=12', 'HEAD']).catch(() => null);
  const changes = commit === null ? '' : await git(['status', '--porcelain']);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    loadBefore: loadavg()[0] ?? 0,
    commit: changes === '' ? commit : `${commit}+changes`,
  };
}
