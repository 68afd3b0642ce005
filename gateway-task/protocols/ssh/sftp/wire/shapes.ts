import { packet } from './numbers.ts';

/** What stands in a request after its id, in order. */
export type Field =
  | 'path'
  | 'handle'
  | 'openFlags'
  | 'attributes'
  /** uint64 */
  | 'offset'
  /** uint32 */
  | 'length'
  /** Any string: looked at by nobody here. */
  | 'text';

/** How a request lies in its packet, and what may answer it besides a STATUS. */
export interface Shape {
  /** As the draft or the extension calls it, in lower case. */
  readonly name: string;
  readonly fields: readonly Field[];
  /** The packet type; `undefined`: a STATUS is all there is. */
  readonly reply: number | undefined;
}

const shape = (name: string, fields: readonly Field[], reply?: number): Shape => ({ name, fields, reply });

/** Section 6 of the draft. WRITE is here without its data: that passes in pieces. */
export const requestShapes: ReadonlyMap<number, Shape> = new Map([
  [packet.open, shape('open', ['path', 'openFlags', 'attributes'], packet.handle)],
  [packet.close, shape('close', ['handle'])],
  [packet.read, shape('read', ['handle', 'offset', 'length'], packet.data)],
  [packet.write, shape('write', ['handle', 'offset', 'length'])],
  [packet.lstat, shape('lstat', ['path'], packet.attrs)],
  [packet.fstat, shape('fstat', ['handle'], packet.attrs)],
  [packet.setstat, shape('setstat', ['path', 'attributes'])],
  [packet.fsetstat, shape('fsetstat', ['handle', 'attributes'])],
  [packet.opendir, shape('opendir', ['path'], packet.handle)],
  [packet.readdir, shape('readdir', ['handle'], packet.name)],
  [packet.remove, shape('remove', ['path'])],
  [packet.mkdir, shape('mkdir', ['path', 'attributes'])],
  [packet.rmdir, shape('rmdir', ['path'])],
  [packet.realpath, shape('realpath', ['path'], packet.name)],
  [packet.stat, shape('stat', ['path'], packet.attrs)],
  [packet.rename, shape('rename', ['path', 'path'])],
  [packet.readlink, shape('readlink', ['path'], packet.name)],
  [packet.symlink, shape('symlink', ['path', 'path'])],
]);

/** An extended request that is understood, and the version of it that the server announces. */
export interface Extension extends Shape {
  readonly version: string;
}

/** Section 4 of OpenSSH's PROTOCOL, and the two that it took from draft-ietf-secsh-filexfer-extensions-00. */
export const extensions: ReadonlyMap<string, Extension> = new Map([
  ['posix-rename@openssh.com', { ...shape('posix-rename', ['path', 'path']), version: '1' }],
  ['statvfs@openssh.com', { ...shape('statvfs', ['path'], packet.extendedReply), version: '2' }],
  ['fstatvfs@openssh.com', { ...shape('fstatvfs', ['handle'], packet.extendedReply), version: '2' }],
  ['hardlink@openssh.com', { ...shape('hardlink', ['path', 'path']), version: '1' }],
  ['fsync@openssh.com', { ...shape('fsync', ['handle']), version: '1' }],
  ['lsetstat@openssh.com', { ...shape('lsetstat', ['path', 'attributes']), version: '1' }],
  ['limits@openssh.com', { ...shape('limits', [], packet.extendedReply), version: '1' }],
  ['expand-path@openssh.com', { ...shape('expand-path', ['path'], packet.name), version: '1' }],
  ['copy-data', { ...shape('copy-data', ['handle', 'offset', 'offset', 'handle', 'offset']), version: '1' }],
  ['home-directory', { ...shape('home-directory', ['text'], packet.name), version: '1' }],
  [
    'users-groups-by-id@openssh.com',
    { ...shape('users-groups-by-id', ['text', 'text'], packet.extendedReply), version: '1' },
  ],
]);
