import { type Disk, realDisk } from '#gateway/recording/disk.ts';

/** A disk that fails when it is told to, over the real one. */
export class FaultyDisk implements Disk {
  /** Bytes that may still be written; a write that does not fit is a short one, the next fails. */
  room = Number.POSITIVE_INFINITY;
  /** Every call that changes something fails with this. */
  failure: string | undefined;
  /** Files can be made and removed, but none takes a byte: what a write fails with. */
  writeFailure: string | undefined;
  /** Called when a write is about to fail by {@link writeFailure}. */
  beforeWriteFails: () => void = () => {};
  /** Nothing can be deleted: the reserve gives no room. */
  failReserve = false;
  /** What a truncation fails with. */
  truncateFailure: string | undefined;
  /** What a sync fails with. */
  syncFailure: string | undefined;
  /** Most that one write takes. */
  largestWrite = Number.POSITIVE_INFINITY;
  /** Files that are open now fail from now on; new ones do not. */
  breakOpenFiles(): void {
    for (const fd of this.#open) this.#broken.add(fd);
  }
  readonly #open = new Set<number>();
  readonly #broken = new Set<number>();

  readonly openSync: Disk['openSync'] = (path, flags, mode) => {
    if (flags !== 'r') this.#check();
    const fd = realDisk.openSync(path, flags, mode);
    this.#open.add(fd);
    return fd;
  };

  readonly writeSync = ((fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
    this.#check();
    if (this.#broken.has(fd)) throw failed('EIO');
    if (this.writeFailure !== undefined) {
      this.beforeWriteFails();
      throw failed(this.writeFailure);
    }
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
  readonly closeSync: Disk['closeSync'] = fd => {
    this.#open.delete(fd);
    this.#broken.delete(fd);
    realDisk.closeSync(fd);
  };
  readonly renameSync: Disk['renameSync'] = (from, to) => realDisk.renameSync(from, to);

  readonly statSync: Disk['statSync'] = realDisk.statSync;

  /** Gives the file's room back. */
  readonly unlinkSync: Disk['unlinkSync'] = path => {
    this.#check();
    if (this.failReserve) throw failed('EIO');
    const { size } = realDisk.statSync(path);
    realDisk.unlinkSync(path);
    this.room += size;
  };

  #check(): void {
    if (this.failure !== undefined) throw failed(this.failure);
  }
}

const failed = (code: string): Error => Object.assign(new Error(`the disk says ${code}`), { code });
