import { parseArgs } from 'node:util';

export const sshGroups = ['transfer', 'small-files', 'echo', 'set-up'] as const;
export type SshGroup = (typeof sshGroups)[number];

export interface SshOptions {
  readonly rounds: number;
  /** Of the large file, in MiB. */
  readonly mebibytes: number;
  readonly only: readonly SshGroup[];
  /** Names the files of the result. */
  readonly name: string;
  /** Whether everything runs, so that the documentation may show its chart. */
  readonly whole: boolean;
  /** Where the gateway leaves a CPU profile as it ends. */
  readonly profile: string | undefined;
}

export const SSH_USAGE = `usage: npm run bench -- ssh [options]

Stock scp, sftp and ssh against the sample's sshd: a large file each way with both ciphers, 1,000 small files, the
echo of a terminal, and what a session costs; direct and through Sallyport as shipped, interleaved, in one run.

  --rounds N      how often each leg is measured (default 3)
  --megabytes N   MiB of the large file (default 256)
  --quick         one round with 32 MiB: shows that it works, not how fast it is
  --only A,B      of ${sshGroups.join(', ')} (default: all)
  --profile DIR   the gateway leaves a CPU profile (Chrome's format) in this folder; measures are not to be trusted
  --name NAME     the result goes to bench/results/NAME.json (default: ssh, or ssh-quick)
  --help

A whole run also draws docs/bench-ssh.svg.`;

/** @throws TypeError that names the option and what it may be */
export function readSshOptions(args: readonly string[]): SshOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      megabytes: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      profile: { type: 'string' },
      name: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { quick, profile } = values;
  const only = values.only?.split(',') ?? [...sshGroups];
  for (const each of only) {
    if (!isGroup(each)) throw new TypeError(`--only has "${each}"; it may have ${sshGroups.join(', ')}`);
  }
  const name = values.name ?? (quick ? 'ssh-quick' : 'ssh');
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new TypeError('--name takes letters, digits, dots and hyphens');
  return {
    rounds: whole('--rounds', values.rounds, quick ? 1 : 3, 50),
    mebibytes: whole('--megabytes', values.megabytes, quick ? 32 : 256, 4096),
    only: only.filter(isGroup),
    name,
    whole: !quick && values.only === undefined && profile === undefined,
    profile,
  };
}

const isGroup = (name: string): name is SshGroup => (sshGroups as readonly string[]).includes(name);

function whole(option: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new TypeError(`${option} takes a whole number from 1 to ${most}, not "${text}"`);
}
