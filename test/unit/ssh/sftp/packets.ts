/** SFTP packets as draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL lay them out, for tests. */

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
const string = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u32(bytes.length), bytes]);
};
const noAttributes = u32(0);

export function frame(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...parts]);
  return Buffer.concat([u32(body.length), body]);
}

const extended = (id: number, name: string, ...parts: readonly Buffer[]): Buffer =>
  frame(200, u32(id), string(name), ...parts);

export const attributes = {
  none: noAttributes,
  size: (size: number) => Buffer.concat([u32(1), u64(size)]),
  mode: (mode: number) => Buffer.concat([u32(4), u32(mode)]),
  all: () =>
    Buffer.concat([
      u32(0x8000000f),
      u64(5),
      u32(1000),
      u32(1001),
      u32(0o100644),
      u32(7),
      u32(8),
      u32(1),
      string('a@example'),
      string('b'),
    ]),
};

export const flags = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;
/** As a client opens what it uploads. */
export const forWriting = flags.write | flags.create | flags.truncate;

/** Requests. */
export const request = {
  init: (version = 3, ...rest: readonly Buffer[]) => frame(1, u32(version), ...rest),
  open: (id: number, path: string | Buffer, pflags: number, attrs = noAttributes) =>
    frame(3, u32(id), string(path), u32(pflags), attrs),
  close: (id: number, handle: string | Buffer) => frame(4, u32(id), string(handle)),
  read: (id: number, handle: string | Buffer, offset: number | bigint, length: number) =>
    frame(5, u32(id), string(handle), u64(offset), u32(length)),
  write: (id: number, handle: string | Buffer, offset: number | bigint, data: string | Buffer) =>
    frame(6, u32(id), string(handle), u64(offset), string(data)),
  lstat: (id: number, path: string | Buffer) => frame(7, u32(id), string(path)),
  fstat: (id: number, handle: string | Buffer) => frame(8, u32(id), string(handle)),
  setstat: (id: number, path: string | Buffer, attrs: Buffer) => frame(9, u32(id), string(path), attrs),
  fsetstat: (id: number, handle: string | Buffer, attrs: Buffer) => frame(10, u32(id), string(handle), attrs),
  opendir: (id: number, path: string | Buffer) => frame(11, u32(id), string(path)),
  readdir: (id: number, handle: string | Buffer) => frame(12, u32(id), string(handle)),
  remove: (id: number, path: string | Buffer) => frame(13, u32(id), string(path)),
  mkdir: (id: number, path: string | Buffer, attrs = noAttributes) => frame(14, u32(id), string(path), attrs),
  rmdir: (id: number, path: string | Buffer) => frame(15, u32(id), string(path)),
  realpath: (id: number, path: string | Buffer) => frame(16, u32(id), string(path)),
  stat: (id: number, path: string | Buffer) => frame(17, u32(id), string(path)),
  rename: (id: number, from: string | Buffer, to: string | Buffer) =>
    frame(18, u32(id), string(from), string(to)),
  readlink: (id: number, path: string | Buffer) => frame(19, u32(id), string(path)),
  /** OpenSSH's order. */
  symlink: (id: number, says: string | Buffer, link: string | Buffer) =>
    frame(20, u32(id), string(says), string(link)),
  posixRename: (id: number, from: string, to: string) =>
    extended(id, 'posix-rename@openssh.com', string(from), string(to)),
  statvfs: (id: number, path: string) => extended(id, 'statvfs@openssh.com', string(path)),
  fstatvfs: (id: number, handle: string | Buffer) => extended(id, 'fstatvfs@openssh.com', string(handle)),
  hardlink: (id: number, from: string, to: string) =>
    extended(id, 'hardlink@openssh.com', string(from), string(to)),
  fsync: (id: number, handle: string | Buffer) => extended(id, 'fsync@openssh.com', string(handle)),
  lsetstat: (id: number, path: string, attrs: Buffer) =>
    extended(id, 'lsetstat@openssh.com', string(path), attrs),
  limits: (id: number) => extended(id, 'limits@openssh.com'),
  expandPath: (id: number, path: string) => extended(id, 'expand-path@openssh.com', string(path)),
  copyData: (id: number, from: string | Buffer, to: string | Buffer) =>
    extended(id, 'copy-data', string(from), u64(0), u64(0), string(to), u64(0)),
  homeDirectory: (id: number, user: string) => extended(id, 'home-directory', string(user)),
  usersGroupsById: (id: number, uids: readonly number[], gids: readonly number[]) =>
    extended(
      id,
      'users-groups-by-id@openssh.com',
      string(Buffer.concat(uids.map(u32))),
      string(Buffer.concat(gids.map(u32))),
    ),
  unknownExtension: (id: number, name: string) => extended(id, name, string('whatever')),
  unknownType: (id: number, type: number) => frame(type, u32(id), string('whatever')),
};

/** Replies. */
export const reply = {
  version: (version: number, ...pairs: readonly (readonly [string, string])[]) =>
    frame(2, u32(version), ...pairs.flatMap(([name, data]) => [string(name), string(data)])),
  status: (id: number, code: number, text = '') => frame(101, u32(id), u32(code), string(text), string('')),
  handle: (id: number, handle: string | Buffer) => frame(102, u32(id), string(handle)),
  data: (id: number, data: string | Buffer) => frame(103, u32(id), string(data)),
  name: (id: number, ...names: readonly string[]) =>
    frame(
      104,
      u32(id),
      u32(names.length),
      ...names.flatMap(name => {
        const bytes = Buffer.from(name, 'latin1');
        return [string(bytes), string(bytes), noAttributes];
      }),
    ),
  attrs: (id: number, attrs = noAttributes) => frame(105, u32(id), attrs),
  extended: (id: number, ...words: readonly string[]) => frame(201, u32(id), ...words.map(string)),
};

export interface Packet {
  readonly type: number;
  readonly id: number;
  /** Behind the id. */
  readonly body: Buffer;
  /** With the length. */
  readonly bytes: Buffer;
}

/** Whole packets out of what was sent. Throws where something is left over. */
export function packetsOf(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = offset + 4 + bytes.readUInt32BE(offset);
    if (end > bytes.length)
      throw new Error(`a packet is cut short: ${bytes.subarray(offset).toString('hex')}`);
    packets.push({
      type: bytes[offset + 4]!,
      id: bytes.readUInt32BE(offset + 5),
      body: bytes.subarray(offset + 9, end),
      bytes: bytes.subarray(offset, end),
    });
    offset = end;
  }
  return packets;
}

/** Reads strings and numbers out of a packet's body. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  u64(): number {
    this.#at += 8;
    return Number(this.#bytes.readBigUInt64BE(this.#at - 8));
  }

  string(): Buffer {
    const length = this.u32();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.string().toString('latin1');
  }
}

/** What a STATUS says. */
export function statusOf(packet: Packet): { id: number; code: number; text: string } {
  const fields = new Fields(packet.body);
  return { id: packet.id, code: fields.u32(), text: fields.string().toString() };
}
