import { statSync } from 'node:fs';
import { type Disk, realDisk } from '#gateway/recording/disk.ts';

/** A disk that fails when it is told to, over the real one. */
export class FaultyDisk implements Disk {
  /** Bytes that may still be written; a write that does not fit is a short one, the next fails. */
  room = Number.POSITIVE_INFINITY;
  /** Every call that changes something fails with this. */
  failure: string | undefined;
  /** What a truncation fails with. */
  truncateFailure: string | undefined;
  /** What a sync fails with. */
  syncFailure: string | undefined;
  /** Most that one write takes. */
  largestWrite = Number.POSITIVE_INFINITY;
  writes = 0;

  readonly openSync: Disk['openSync'] = (path, flags, mode) => {
    if (flags !== 'r') this.#check();
    return realDisk.openSync(path, flags, mode);
  };

  readonly writeSync = ((fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
    this.writes++;
    this.#check();
    const take = Math.min(length, this.largestWrite, this.room);
    if (take === 0) throw failed('ENOSPC');
    this.room -= take;
    return realDisk.writeSync(fd, bytes, offset, take, position);
  }) as Disk['writeSync'];

  readonly ftruncateSync: Disk['ftruncateSync'] = (fd, length) => {
    if (this.truncateFailure !== undefined) throw failed(this.truncateFailure);
    this.#check();
    realDisk.ftruncateSync(fd, length);
  };

  readonly fdatasync: Disk['fdatasync'] = Object.assign(
    (fd: number, then: (cause: NodeJS.ErrnoException | null) => void) => {
      if (this.syncFailure !== undefined) setImmediate(then, failed(this.syncFailure));
      else realDisk.fdatasync(fd, then);
    },
    { __promisify__: realDisk.fdatasync.__promisify__ },
  );

  readonly fdatasyncSync: Disk['fdatasyncSync'] = fd => {
    if (this.syncFailure !== undefined) throw failed(this.syncFailure);
    realDisk.fdatasyncSync(fd);
  };

  readonly fsyncSync: Disk['fsyncSync'] = fd => realDisk.fsyncSync(fd);
  readonly closeSync: Disk['closeSync'] = fd => realDisk.closeSync(fd);
  readonly renameSync: Disk['renameSync'] = (from, to) => realDisk.renameSync(from, to);

  /** Gives the file's room back. */
  readonly unlinkSync: Disk['unlinkSync'] = path => {
    this.#check();
    const { size } = statSync(path);
    realDisk.unlinkSync(path);
    this.room += size;
  };

  #check(): void {
    if (this.failure !== undefined) throw failed(this.failure);
  }
}

const failed = (code: string): Error => Object.assign(new Error(`the disk says ${code}`), { code });
