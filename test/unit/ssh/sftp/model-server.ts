import { Fields, type Packet, packetsOf, reply } from './packets.ts';

type Node =
  | { readonly kind: 'file'; bytes: Buffer }
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly to: string };

class Failure extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`status ${code}`);
    this.code = code;
  }
}
const noSuchFile = () => new Failure(2);

/**
 * An SFTP server over a file system in memory, as far as tests need one: files, directories, links, and paths
 * as OpenSSH's server resolves them. The home is `/home/u`.
 */
export class ModelServer {
  readonly nodes = new Map<string, Node>([
    ['/', { kind: 'directory' }],
    ['/home', { kind: 'directory' }],
    ['/home/u', { kind: 'directory' }],
  ]);
  readonly #handles = new Map<string, { readonly node: Node; listed?: boolean }>();
  #nextHandle = 0;
  #partial: Buffer = Buffer.alloc(0);
  /** Requests that came, in order. */
  readonly seen: Packet[] = [];
  readonly extensions: (readonly [string, string])[] = [['posix-rename@openssh.com', '1']];

  file(path: string, content: string | Buffer): this {
    this.nodes.set(path, { kind: 'file', bytes: Buffer.from(content as string) });
    return this;
  }

  directory(path: string): this {
    this.nodes.set(path, { kind: 'directory' });
    return this;
  }

  link(path: string, to: string): this {
    this.nodes.set(path, { kind: 'link', to });
    return this;
  }

  content(path: string): string | undefined {
    const node = this.nodes.get(path);
    return node?.kind === 'file' ? node.bytes.toString('latin1') : undefined;
  }

  /** @returns what is answered to the packets that are whole now. */
  take(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#partial, chunk]);
    let end = 0;
    while (end + 4 <= bytes.length && end + 4 + bytes.readUInt32BE(end) <= bytes.length) {
      end += 4 + bytes.readUInt32BE(end);
    }
    this.#partial = bytes.subarray(end);
    const answers = packetsOf(bytes.subarray(0, end)).map(packet => {
      this.seen.push(packet);
      try {
        return this.#answer(packet);
      } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        return reply.status(packet.id, failure.code, 'no');
      }
    });
    return Buffer.concat(answers);
  }

  /** @param asked what becomes of a link in the last place */
  #resolve(path: string, asked: 'follow' | 'entry'): string {
    // A slash at the end is followed.
    const last = path.endsWith('/') ? 'follow' : asked;
    let left = path.split('/').filter(name => name !== '' && name !== '.');
    let at = path.startsWith('/') ? '/' : '/home/u';
    for (let links = 0; left.length > 0; ) {
      const name = left.shift()!;
      if (name === '..') {
        at = at.slice(0, at.lastIndexOf('/')) || '/';
        continue;
      }
      const next = at === '/' ? `/${name}` : `${at}/${name}`;
      const node = this.nodes.get(next);
      if (node === undefined && left.length > 0) throw noSuchFile();
      if (node?.kind === 'file' && left.length > 0) throw noSuchFile();
      if (node?.kind !== 'link' || (left.length === 0 && last === 'entry')) {
        at = next;
        continue;
      }
      links += 1;
      if (links > 30) throw noSuchFile();
      left = [...node.to.split('/').filter(part => part !== '' && part !== '.'), ...left];
      if (node.to.startsWith('/')) at = '/';
    }
    return at;
  }

  #node(path: string): Node {
    const node = this.nodes.get(path);
    if (node === undefined) throw noSuchFile();
    return node;
  }

  #open(path: string): Buffer {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(this.#nextHandle);
    this.#nextHandle += 1;
    this.#handles.set(handle.toString('latin1'), { node: this.#node(path) });
    return handle;
  }

  #hasChildren(path: string): boolean {
    return [...this.nodes.keys()].some(
      other => other !== path && other.startsWith(path === '/' ? path : `${path}/`),
    );
  }

  /** A name that can be made: what it stands in is a directory, and it is not there. */
  #free(path: string): string {
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    if (this.nodes.has(path)) throw new Failure(4);
    if (this.nodes.get(parent)?.kind !== 'directory') throw noSuchFile();
    return path;
  }

  #move(from: string, to: string): void {
    this.#node(from);
    if (from === to) return;
    if (to.startsWith(`${from}/`) || from === '/') throw new Failure(4);
    if (this.nodes.get(to)?.kind === 'directory') throw new Failure(4);
    this.nodes.delete(to);
    this.#free(to);
    for (const [path, node] of [...this.nodes]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.nodes.delete(path);
      this.nodes.set(to + path.slice(from.length), node);
    }
  }

  #answer({ type, id, body }: Packet): Buffer {
    const fields = new Fields(body);
    if (type === 1) return reply.version(3, ...this.extensions);
    const path = (last: 'follow' | 'entry') => this.#resolve(fields.text(), last);
    const handle = () => {
      const known = this.#handles.get(fields.text());
      if (known === undefined) throw new Failure(4);
      return known;
    };
    switch (type) {
      case 3: {
        const opened = path('follow');
        const pflags = fields.u32();
        if ((pflags & 8) !== 0 && !this.nodes.has(opened)) this.file(this.#free(opened), '');
        const node = this.#node(opened);
        if (node.kind !== 'file') throw new Failure(4);
        if ((pflags & 16) !== 0) node.bytes = Buffer.alloc(0);
        return reply.handle(id, this.#open(opened));
      }
      case 4: {
        const name = fields.text();
        if (!this.#handles.delete(name)) throw new Failure(4);
        return reply.status(id, 0);
      }
      case 5: {
        const { node } = handle();
        if (node.kind !== 'file') throw new Failure(4);
        const offset = fields.u64();
        const bytes = node.bytes.subarray(offset, offset + fields.u32());
        return bytes.length === 0 ? reply.status(id, 1) : reply.data(id, bytes);
      }
      case 6: {
        const { node } = handle();
        if (node.kind !== 'file') throw new Failure(4);
        const offset = fields.u64();
        const data = fields.string();
        const grown = Buffer.alloc(Math.max(node.bytes.length, offset + data.length));
        node.bytes.copy(grown);
        data.copy(grown, offset);
        node.bytes = grown;
        return reply.status(id, 0);
      }
      case 7:
        this.#node(path('entry'));
        return reply.attrs(id);
      case 8:
        handle();
        return reply.attrs(id);
      case 9:
        this.#node(path('follow'));
        return reply.status(id, 0);
      case 10:
        handle();
        return reply.status(id, 0);
      case 11: {
        const opened = path('follow');
        if (this.#node(opened).kind !== 'directory') throw noSuchFile();
        return reply.handle(id, this.#open(opened));
      }
      case 12: {
        const open = handle();
        if (open.listed) return reply.status(id, 1);
        open.listed = true;
        return reply.name(id, '.', '..');
      }
      case 13: {
        const gone = path('entry');
        if (this.#node(gone).kind === 'directory') throw new Failure(4);
        this.nodes.delete(gone);
        return reply.status(id, 0);
      }
      case 14: {
        this.directory(this.#free(path('entry')));
        return reply.status(id, 0);
      }
      case 15: {
        const gone = path('entry');
        if (this.#node(gone).kind !== 'directory' || this.#hasChildren(gone)) throw new Failure(4);
        this.nodes.delete(gone);
        return reply.status(id, 0);
      }
      case 16:
        return reply.name(id, this.#resolve(fields.text(), 'follow'));
      case 17:
        this.#node(path('follow'));
        return reply.attrs(id);
      case 18:
        this.#move(path('entry'), path('entry'));
        return reply.status(id, 0);
      case 19: {
        const node = this.#node(path('entry'));
        if (node.kind !== 'link') throw noSuchFile();
        return reply.name(id, node.to);
      }
      case 20: {
        const says = fields.text();
        this.link(this.#free(path('entry')), says);
        return reply.status(id, 0);
      }
      case 200:
        return this.#extended(id, fields);
      default:
        return reply.status(id, 8);
    }
  }

  #extended(id: number, fields: Fields): Buffer {
    const name = fields.text();
    if (name === 'posix-rename@openssh.com') {
      this.#move(this.#resolve(fields.text(), 'entry'), this.#resolve(fields.text(), 'entry'));
      return reply.status(id, 0);
    }
    if (name === 'expand-path@openssh.com') {
      const text = fields.text().replace(/^~(?=$|\/)/, '/home/u');
      return reply.name(id, this.#resolve(text, 'follow'));
    }
    if (/^(f?statvfs|limits|users-groups-by-id)@openssh.com$/.test(name))
      return reply.extended(id, 'some', 'thing');
    if (name === 'home-directory') return reply.name(id, '/home/u');
    return reply.status(id, 0);
  }
}
