import { SshDataFault, SshReader } from '#lib/ssh/data-types.ts';
import { type Attributes, readAttributes } from './attributes.ts';
import { lengthBytes, maxHandleBytes, packet } from './numbers.ts';
import { extensions, requestShapes, type Shape } from './shapes.ts';

/** A request that was read whole. Byte strings are kept one character a byte (latin1). */
export interface Request {
  readonly shape: Shape;
  readonly id: number;
  readonly paths: readonly string[];
  readonly handles: readonly string[];
  readonly openFlags: number;
  readonly attributes: Attributes | undefined;
}

/** An extended request that is not known here. */
export interface UnknownRequest {
  readonly shape: undefined;
  readonly id: number;
  /** Of the extension: whatever the client wrote, cut to 255 bytes. */
  readonly name: string;
}

/**
 * Reads a request that is known by its type, or an extended one. A packet that is longer or shorter than its
 * fields is a fault: a server might read what is left over where we do not.
 *
 * @param bytes the packet with its length field
 * @throws SshDataFault
 */
export function readRequest(bytes: Buffer): Request | UnknownRequest {
  const reader = new SshReader(bytes, lengthBytes);
  const type = reader.u8();
  const id = reader.u32();
  let shape = requestShapes.get(type);
  if (type === packet.extended) {
    const name = reader.string().toString('latin1', 0, 255);
    shape = extensions.get(name);
    if (shape === undefined) return { shape, id, name };
  }
  if (shape === undefined) throw new SshDataFault('no request of this type');

  const paths: string[] = [];
  const handles: string[] = [];
  let openFlags = 0;
  let attributes: Attributes | undefined;
  for (const field of shape.fields) {
    if (field === 'path') paths.push(readPath(reader));
    else if (field === 'handle') handles.push(readHandle(reader));
    else if (field === 'openFlags') openFlags = reader.u32();
    else if (field === 'attributes') attributes = readAttributes(reader);
    else if (field === 'offset') reader.u64();
    else if (field === 'length') reader.u32();
    else reader.string();
  }
  reader.end();
  return { shape, id, paths, handles, openFlags, attributes };
}

/** OpenSSH ends a path at a zero byte at its end and takes none within: two readings of one path are one too many. */
function readPath(reader: SshReader): string {
  const path = reader.string();
  if (path.includes(0)) throw new SshDataFault('a path with a zero byte');
  return path.toString('latin1');
}

function readHandle(reader: SshReader): string {
  const handle = reader.string();
  if (handle.length > maxHandleBytes) throw new SshDataFault('a handle is too long');
  return handle.toString('latin1');
}
