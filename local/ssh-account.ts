/**
 * As whom people get in at the sample SSH host. An ordinary user's host serves that user and nobody else. Root's
 * must not serve root: whoever may reach the loopback address signs in at the development identity provider
 * without a password. It serves an account of its own, which exists for the host alone: in a mount namespace
 * (unshare(1)) with a user database and terminals of its own, so that nothing on the machine is changed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

export interface Wrapped {
  readonly command: string;
  readonly args: readonly string[];
}

export interface SshAccount {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  /** Who files of the host belong to; undefined: whoever runs this. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** In words, for people: as whom they get in. */
  readonly about: string;
  /** Why the machine's sshd cannot serve this account, in words; undefined when it can. */
  readonly sshdProblem: string | undefined;
  /**
   * The command that runs a program as this account, for as long as it runs.
   *
   * @param drops "itself": the program is started as it is here, and becomes `owner` by itself
   */
  wrap(command: string, args: readonly string[], drops?: 'itself'): Wrapped;
}

/**
 * No user of Debian's or of a distribution like it has this id, and it is not `nobody`'s, as whom the sample
 * PostgreSQL runs: its files are not for this account.
 */
const ownId = 65_533;
const ownName = 'web';
const shell = ['/bin/bash', '/bin/sh'].find(file => existsSync(file))!;
/** sshd and the programs that change namespaces are where an ordinary user's PATH may not lead. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * $1: folder with the user database; $2: "itself" for a program that gives up root by itself; the rest: a program.
 * Everything that the program could gain rights by is given up. Terminals are their own since the machine's may be closed to sshd without root.
 */
const namespaceScript = `set -e
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount --bind /dev/pts/ptmx /dev/ptmx
dropped=$2
shift 2
[ "$dropped" = itself ] && exec "$@"
exec setpriv --reuid=${ownId} --regid=${ownId} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"`;

/** @param place where root's host keeps its files: others must be able to get there */
export async function sshAccount(place: string): Promise<SshAccount> {
  if (process.getuid?.() !== 0) return ownAccount();
  await mkdir(place, { recursive: true, mode: 0o711 });
  const home = join(place, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await chown(home, ownId, ownId);
  const users = join(place, 'users');
  await writeUsers(users, home);
  const account = {
    name: ownName,
    home,
    shell,
    owner: { uid: ownId, gid: ownId },
    about: `as "${ownName}", an account that exists for it alone (user id ${ownId})`,
    wrap: (command: string, args: readonly string[], drops?: 'itself') => ({
      command: 'unshare',
      args: [
        ...['--mount', '--propagation', 'private', 'sh', '-c', namespaceScript, 'sh', users],
        ...[drops ?? 'first', command, ...args],
      ],
    }),
  };
  const problem = process.platform === 'linux' ? tryOut(account) : 'this is not Linux';
  const sshdProblem =
    problem &&
    `as root it needs an account of its own, which cannot be had here: ${problem}; an ordinary user gets the real one`;
  const plain = (command: string, args: readonly string[]) => ({ command, args });
  return { ...account, ...(sshdProblem === undefined ? {} : { wrap: plain }), sshdProblem };
}

/** Whoever runs this. */
export async function ownAccount(): Promise<SshAccount> {
  const { username, homedir, shell } = userInfo();
  return {
    name: username,
    home: homedir,
    shell: shell ?? '/bin/sh',
    owner: undefined,
    about:
      `as "${username}", you: whoever can sign in here acts with your rights, ` +
      'and the development sign-in asks nobody on this machine for a password',
    sshdProblem: process.getuid?.() === 0 ? undefined : await terminalProblem(),
    wrap: (command, args) => ({ command, args }),
  };
}

/**
 * Why sshd without root could not open a terminal. It gives each one to the group `tty`, which only root may do
 * where /dev/pts is not mounted so that they have that group from the start, as it is on most machines.
 */
async function terminalProblem(): Promise<string | undefined> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const wanted = /^tty:[^:]*:(\d+):/m.exec(await read('/etc/group'))?.[1];
  const options = /^\S+ \/dev\/pts devpts (\S+)/m.exec(await read('/proc/mounts'))?.[1];
  if (wanted === undefined || options === undefined) return undefined;
  if (options.split(',').includes(`gid=${wanted}`)) return undefined;
  return `sshd without root cannot open terminals here: /dev/pts is mounted without gid=${wanted}`;
}

/** The machine's users and groups, and the account's own before them: also one that a machine has of that name gives way. */
async function writeUsers(folder: string, home: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const add = async (file: string, line: string) => {
    await writeFile(join(folder, file), `${line}\n${await readFile(join('/etc', file), 'utf8')}`, {
      mode: 0o644,
    });
  };
  await add('passwd', `${ownName}:*:${ownId}:${ownId}:sample SSH host:${home}:${shell}`);
  await add('group', `${ownName}:x:${ownId}:`);
}

/** Why nothing can be run as the account; undefined when it can. A container without CAP_SYS_ADMIN cannot. */
function tryOut(account: Pick<SshAccount, 'wrap' | 'home'>): string | undefined {
  const { command, args } = account.wrap('/bin/sh', ['-c', 'cd && exec id -un']);
  const env = { PATH: systemPath, HOME: account.home };
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: '/', env });
  if (error !== undefined) return error.message;
  if (status !== 0) return stderr.trim().split('\n')[0] || `status ${status}`;
  return stdout.trim() === ownName ? undefined : `its name is looked up elsewhere (${stdout.trim()})`;
}
