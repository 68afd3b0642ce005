/**
 * SFTP version 3 of the fallback SSH host, over node:fs, with the rights of the process.
 * https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
 */
import { constants, type Stats } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  rename,
  rmdir,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import ssh2, { type Attributes, type SFTPWrapper } from 'ssh2';

const { STATUS_CODE: status } = ssh2.utils.sftp;
const maxHandles = 256;
const maxReadBytes = 256 * 1024;
const entriesAtOnce = 100;

type Handle = { readonly file: FileHandle } | { readonly entries: AsyncIterator<Entry> };
interface Entry {
  readonly filename: string;
  readonly longname: string;
  readonly attrs: Attributes;
}

/** What an SFTP client is told: a status other than OK. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number) {
    super('refused');
    this.code = code;
  }
}

/** Not ssh2's public interface, which cannot end a subsystem with a status; scp takes one without for a failure. */
interface Inside {
  readonly outgoing: { readonly id: number };
  readonly _protocol: { exitStatus(channel: number, status: number): void };
}

export function answerSftp(sftp: SFTPWrapper, home: string): void {
  const handles = new Map<number, Handle>();
  let last = 0;
  const at = (path: string) => resolve(home, path);
  const keep = (id: number, handle: Handle) => {
    last += 1;
    handles.set(last, handle);
    const name = Buffer.alloc(4);
    name.writeUInt32BE(last);
    sftp.handle(id, name);
  };
  const find = (name: Buffer): Handle => {
    const handle = name.length === 4 ? handles.get(name.readUInt32BE()) : undefined;
    if (handle === undefined) throw new Refused(status.FAILURE);
    return handle;
  };
  const file = (name: Buffer): FileHandle => {
    const handle = find(name);
    if (!('file' in handle)) throw new Refused(status.FAILURE);
    return handle.file;
  };
  const room = () => {
    if (handles.size >= maxHandles) throw new Refused(status.FAILURE);
  };
  let turn: Promise<unknown> = Promise.resolve();
  /**
   * Answers with a status: that of what went wrong, or OK where `act` has not answered itself. One after the other:
   * OpenSSH 9.2 cuts a file where the answers to its writes come in another order.
   */
  const answer = (id: number, act: () => Promise<unknown>) => {
    turn = turn.then(act).then(
      answered => answered === undefined && sftp.status(id, status.OK),
      error => sftp.status(id, codeOf(error)),
    );
  };
  const told = true;

  sftp.on('OPEN', (id, path, flags, attrs) =>
    answer(id, async () => {
      room();
      keep(id, { file: await open(at(path), openFlags(flags), modeOf(attrs, 0o666)) });
      return told;
    }),
  );
  sftp.on('READ', (id, handle, offset, length) =>
    answer(id, async () => {
      const buffer = Buffer.allocUnsafe(Math.min(length, maxReadBytes));
      const { bytesRead } = await file(handle).read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) throw new Refused(status.EOF);
      sftp.data(id, buffer.subarray(0, bytesRead));
      return told;
    }),
  );
  sftp.on('WRITE', (id, handle, offset, data) =>
    answer(id, async () => {
      for (let done = 0; done < data.length; ) {
        done += (await file(handle).write(data, done, data.length - done, offset + done)).bytesWritten;
      }
    }),
  );
  sftp.on('CLOSE', (id, name) =>
    answer(id, async () => {
      const handle = find(name);
      handles.delete(name.readUInt32BE());
      if ('file' in handle) await handle.file.close();
      else await handle.entries.return?.();
    }),
  );
  sftp.on('OPENDIR', (id, path) =>
    answer(id, async () => {
      room();
      const folder = at(path);
      await (await opendir(folder)).close();
      keep(id, { entries: list(folder) });
      return told;
    }),
  );
  sftp.on('READDIR', (id, name) =>
    answer(id, async () => {
      const handle = find(name);
      if (!('entries' in handle)) throw new Refused(status.FAILURE);
      const found: Entry[] = [];
      while (found.length < entriesAtOnce) {
        const { value, done } = await handle.entries.next();
        if (done) break;
        found.push(value);
      }
      if (found.length === 0) throw new Refused(status.EOF);
      sftp.name(id, found);
      return told;
    }),
  );
  const describe = (id: number, facts: () => Promise<Stats>) =>
    answer(id, async () => {
      sftp.attrs(id, attributes(await facts()));
      return told;
    });
  sftp.on('STAT', (id, path) => describe(id, () => stat(at(path))));
  sftp.on('LSTAT', (id, path) => describe(id, () => lstat(at(path))));
  sftp.on('FSTAT', (id, handle) => describe(id, async () => file(handle).stat()));
  sftp.on('SETSTAT', (id, path, attrs) => answer(id, () => change(at(path), attrs)));
  sftp.on('FSETSTAT', (id, handle, attrs) => answer(id, () => changeFile(file(handle), attrs)));
  const name = (id: number, path: () => Promise<string>) =>
    answer(id, async () => {
      const filename = await path();
      sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
      return told;
    });
  sftp.on('REALPATH', (id, path) => name(id, () => canonical(at(path))));
  sftp.on('READLINK', (id, path) => name(id, () => readlink(at(path))));
  sftp.on('MKDIR', (id, path, attrs) => answer(id, () => mkdir(at(path), { mode: modeOf(attrs, 0o777) })));
  sftp.on('RMDIR', (id, path) => answer(id, () => rmdir(at(path))));
  sftp.on('REMOVE', (id, path) => answer(id, () => unlink(at(path))));
  // As OpenSSH sends it: where the link points to comes first.
  sftp.on('SYMLINK', (id, target, link) => answer(id, () => symlink(target, at(link))));
  sftp.on('RENAME', (id, from, to) =>
    answer(id, async () => {
      // Version 3 does not replace what is there.
      if (await lstat(at(to)).catch(() => undefined)) throw new Refused(status.FAILURE);
      await rename(at(from), at(to));
    }),
  );
  // The client has nothing more to ask, and waits for the channel to close.
  sftp.on('end', () => {
    const { outgoing, _protocol } = sftp as unknown as Inside;
    _protocol.exitStatus(outgoing.id, 0);
    sftp.end();
  });
  sftp.on('close', () => {
    for (const handle of handles.values()) if ('file' in handle) void handle.file.close().catch(() => {});
    handles.clear();
  });
}

/** The path without links, also of what is not there yet. */
const canonical = (path: string) => realpath(path).catch(() => path);

async function* list(folder: string): AsyncGenerator<Entry> {
  for (const path of ['.', '..']) yield entry(path, await lstat(resolve(folder, path)));
  for await (const { name } of await opendir(folder)) {
    const facts = await lstat(resolve(folder, name)).catch(() => undefined);
    if (facts !== undefined) yield entry(name, facts);
  }
}

function entry(filename: string, facts: Stats): Entry {
  const kind = facts.isDirectory() ? 'd' : facts.isSymbolicLink() ? 'l' : '-';
  const rights = Array.from('rwxrwxrwx', (letter, index) => ((facts.mode >> (8 - index)) & 1 ? letter : '-'));
  const date = facts.mtime.toISOString().slice(0, 16).replace('T', ' ');
  const longname = `${kind}${rights.join('')} ${facts.nlink} ${facts.uid} ${facts.gid} ${facts.size} ${date} ${basename(filename)}`;
  return { filename, longname, attrs: attributes(facts) };
}

function attributes({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats): Attributes {
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) };
}

async function change(path: string, attrs: Partial<Attributes>): Promise<void> {
  if (attrs.size !== undefined) await truncate(path, attrs.size);
  if (attrs.mode !== undefined) await chmod(path, attrs.mode & 0o7777);
  if (attrs.atime !== undefined && attrs.mtime !== undefined) await utimes(path, attrs.atime, attrs.mtime);
}

async function changeFile(file: FileHandle, attrs: Partial<Attributes>): Promise<void> {
  if (attrs.size !== undefined) await file.truncate(attrs.size);
  if (attrs.mode !== undefined) await file.chmod(attrs.mode & 0o7777);
  if (attrs.atime !== undefined && attrs.mtime !== undefined) await file.utimes(attrs.atime, attrs.mtime);
}

const modeOf = (attrs: Partial<Attributes> | undefined, usual: number) =>
  attrs?.mode === undefined ? usual : attrs.mode & 0o777;

/** SSH_FXF_* (section 6.3) as open(2) has them. */
function openFlags(flags: number): number {
  const reads = (flags & 0x01) !== 0;
  const writes = (flags & 0x02) !== 0;
  let result = writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  if (flags & 0x04) result |= constants.O_APPEND;
  if (flags & 0x08) result |= constants.O_CREAT;
  if (flags & 0x10) result |= constants.O_TRUNC;
  if (flags & 0x20) result |= constants.O_EXCL;
  return result;
}

function codeOf(error: unknown): number {
  if (error instanceof Refused) return error.code;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return status.NO_SUCH_FILE;
  if (code === 'EACCES' || code === 'EPERM') return status.PERMISSION_DENIED;
  return status.FAILURE;
}
