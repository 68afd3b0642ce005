import type { PathRole } from './resolve.ts';
import { openFlag } from './wire/numbers.ts';

/** What policy is asked of a request, and how its paths stand for files. */
export interface FileAction {
  /** The Cedar action. */
  readonly action: string;
  readonly paths: readonly PathRole[];
  /** Names may mean something else when it is done. */
  readonly moves: boolean;
}

const does = (action: string, paths: readonly PathRole[] = [], moves = false): FileAction => ({
  action,
  paths,
  moves,
});

/**
 * By the shape's name. OPEN is asked by its flags; what is not here goes with a handle whose OPEN was decided.
 * SYMLINK is read as OpenSSH reads it (PROTOCOL, section 4.1), which all clients and servers follow: first what
 * the link says, then where it is.
 */
export const fileActions: ReadonlyMap<string, FileAction> = new Map([
  ['open', does('', ['follow'])],
  ['opendir', does('sftp:list', ['follow'])],
  ['stat', does('sftp:stat', ['follow'])],
  ['lstat', does('sftp:stat', ['entry'])],
  ['readlink', does('sftp:stat', ['entry'])],
  ['realpath', does('sftp:stat', ['follow'])],
  ['statvfs', does('sftp:stat', ['follow'])],
  ['expand-path', does('sftp:stat', ['expand'])],
  ['limits', does('sftp:stat')],
  ['home-directory', does('sftp:stat')],
  ['users-groups-by-id', does('sftp:stat')],
  ['setstat', does('sftp:setstat', ['follow'])],
  ['lsetstat', does('sftp:setstat', ['entry'])],
  ['fsetstat', does('sftp:setstat')],
  ['remove', does('sftp:remove', ['entry'], true)],
  ['rmdir', does('sftp:rmdir', ['entry'], true)],
  ['mkdir', does('sftp:mkdir', ['entry'])],
  ['rename', does('sftp:rename', ['entry', 'entry'], true)],
  ['posix-rename', does('sftp:rename', ['entry', 'entry'], true)],
  // link(2) of Linux takes a link itself, so that a link can come to stand elsewhere.
  ['hardlink', does('sftp:hardlink', ['entry', 'entry'], true)],
  ['symlink', does('sftp:symlink', ['entry'], true)],
  ['copy-data', does('sftp:copy')],
]);

/**
 * What an OPEN is for. OpenSSH opens for reading where WRITE is not among the flags, whatever else is; it cuts,
 * makes and appends where it is told to, also without WRITE.
 */
export function openFor(flags: number): { reads: boolean; writes: boolean; appends: boolean } {
  const { read, write, append, create, truncate } = openFlag;
  return {
    reads: (flags & read) !== 0 || (flags & write) === 0,
    writes: (flags & (write | append | create | truncate)) !== 0,
    appends: (flags & append) !== 0,
  };
}

/** The names of an OPEN's flags. */
export const flagNames = (flags: number): string[] =>
  Object.entries(openFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
