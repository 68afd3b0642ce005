import { SshDataFault, type SshReader } from '#lib/ssh/data-types.ts';

const flag = { size: 0x1, owner: 0x2, permissions: 0x4, times: 0x8, extended: 0x80000000 } as const;
const known = flag.size | flag.owner | flag.permissions | flag.times | (flag.extended | 0);

/** What a request wants a file to be like. Absent: left as it is. */
export interface Attributes {
  /** In bytes. Above 2^53 the number is not exact. */
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Permission bits in octal, as `chmod` takes them. */
  readonly mode?: string;
  /** Seconds since the epoch. */
  readonly atime?: number;
  readonly mtime?: number;
}

/**
 * ATTRS, section 5. A flag that version 3 does not have is a fault: what it announces would stand where
 * something else is read.
 */
export function readAttributes(reader: SshReader): Attributes {
  const flags = reader.u32();
  if ((flags & ~known) !== 0) throw new SshDataFault('file attributes that version 3 does not have');
  const attributes = {
    ...(flags & flag.size ? { size: Number(reader.u64()) } : undefined),
    ...(flags & flag.owner ? { uid: reader.u32(), gid: reader.u32() } : undefined),
    ...(flags & flag.permissions ? { mode: (reader.u32() & 0o7777).toString(8) } : undefined),
    ...(flags & flag.times ? { atime: reader.u32(), mtime: reader.u32() } : undefined),
  };
  if ((flags & flag.extended) !== 0) {
    for (let count = reader.u32(); count > 0; count -= 1) {
      reader.string();
      reader.string();
    }
  }
  return attributes;
}
