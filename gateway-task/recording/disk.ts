import fs from 'node:fs';

/** The calls of `node:fs` that the journal makes; tests hand in one that fails as disks do. */
export type Disk = Pick<
  typeof fs,
  | 'openSync'
  | 'writeSync'
  | 'ftruncateSync'
  | 'fdatasync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'closeSync'
  | 'unlinkSync'
  | 'renameSync'
  | 'statSync'
>;

export const realDisk: Disk = fs;

/** Writes all of `length` bytes at `position`, over as many calls as the system wants. Throws its error. */
export function writeAll(disk: Disk, fd: number, bytes: Buffer, length: number, position: number): void {
  let done = 0;
  while (done < length) {
    const written = disk.writeSync(fd, bytes, done, length - done, position + done);
    if (written === 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'ENOSPC' });
    done += written;
  }
}

/** Makes a new name in `directory` survive a power failure. */
export function syncDirectory(disk: Disk, directory: string): void {
  const fd = disk.openSync(directory, 'r');
  try {
    disk.fsyncSync(fd);
  } finally {
    disk.closeSync(fd);
  }
}

/** The `code` of what a call of the system threw: `ENOSPC`. */
export function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
}

/** There is no room, and nothing else is wrong. */
export function isFull(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
