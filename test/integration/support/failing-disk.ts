/** A disk for the spool that fails when a test says so. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface FailingDisk {
  /** Where the spool goes. */
  readonly path: string;
  /** @param pid of the gateway */
  fail(pid: number): void;
  /** It is well again. Undefined: not while it is in use. */
  readonly heal: ((pid: number) => void) | undefined;
  /** After the last user is gone: it is well again, or at least does not fail any more. */
  repair(): void;
  remove(): Promise<void>;
}

const megabytes = 24;

const execute = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

/** A small file system in memory that is filled up; where none may be mounted, {@link deafDisk}. */
export async function smallDisk(folder: string): Promise<FailingDisk> {
  const path = join(folder, 'small');
  await mkdir(path);
  try {
    execute('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path);
  } catch {
    return deafDisk(folder);
  }
  const filler = join(path, 'filler');
  const empty = () => execute('rm', '-f', filler);
  return {
    path,
    fail: () => fill(filler),
    heal: empty,
    repair: empty,
    remove: async () => void execute('umount', '--lazy', path),
  };
}

/**
 * A file system that its kernel makes read-only, as it does with a disk that has errors, while files are open
 * on it; where none may be mounted, {@link deafDisk}.
 */
export async function brokenDisk(folder: string): Promise<FailingDisk> {
  const path = join(folder, 'broken');
  const image = join(folder, 'broken.img');
  await mkdir(path);
  const mount = () => execute('mount', '-o', 'loop,errors=remount-ro', image, path);
  const device = () => basename(execute('findmnt', '-n', '-o', 'SOURCE', path).trim());
  const trigger = () => `/sys/fs/ext4/${device()}/trigger_fs_error`;
  try {
    execute('truncate', '--size', `${megabytes}M`, image);
    execute('mkfs.ext4', '-q', image);
    mount();
    execute('test', '-w', trigger());
  } catch {
    return deafDisk(folder);
  }
  return {
    path,
    fail: () => void execute('sh', '-c', `echo 1 > ${trigger()}`),
    heal: undefined,
    repair: () => {
      // A shipper goes on without its gateway until it has shipped all, which it never can here.
      endUsersOf(path);
      execute('umount', path);
      letGo(image);
      // 1: errors were corrected, as they are here.
      execute('sh', '-c', `e2fsck -fy ${image} || [ $? -eq 1 ]`);
      mount();
    },
    remove: async () => void execute('umount', '--lazy', path),
  };
}

/** No file of the gateway's takes another byte, its log neither: prlimit(1), RLIMIT_FSIZE. Anybody may do that. */
export async function deafDisk(folder: string): Promise<FailingDisk> {
  const path = join(folder, 'deaf');
  await mkdir(path);
  const limit = (pid: number, bytes: string) =>
    void execute('prlimit', '--pid', String(pid), `--fsize=${bytes}:unlimited`);
  return {
    path,
    fail: pid => limit(pid, '0'),
    heal: pid => limit(pid, 'unlimited'),
    repair: () => {},
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Waits until no loop device has the image: a mount would take that one again, with what it remembers. */
function letGo(image: string): void {
  for (let waits = 0; execute('losetup', '-j', image) !== ''; waits += 1) {
    if (waits === 100) throw new Error(`a loop device still has ${image}`);
    execute('sleep', '0.05');
  }
}

/** Ends the processes that have a file open below `path`, and waits until they are gone. */
function endUsersOf(path: string): void {
  const users = readdirSync('/proc').filter(name => /^\d+$/.test(name) && hasOpen(Number(name), path));
  for (const pid of users) process.kill(Number(pid), 'SIGKILL');
  for (let waits = 0; users.some(pid => hasOpen(Number(pid), path)) && waits < 100; waits += 1) {
    execute('sleep', '0.05');
  }
}

function hasOpen(pid: number, path: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some(fd => readlinkSync(join(folder, fd)).startsWith(`${path}/`));
  } catch {
    // Gone, or somebody else's.
    return false;
  }
}

function fill(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (const piece of [Buffer.alloc(256 * 1024), Buffer.alloc(1024), Buffer.alloc(1)]) fillBy(file, piece);
  } finally {
    // An open file keeps its room, removed or not.
    closeSync(file);
  }
}

function fillBy(file: number, piece: Buffer): void {
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
