import { SshDataFault, SshReader } from '#lib/ssh/data-types.ts';
import { version as buildVersion } from './build.ts';
import { headBytes, lengthBytes, maxHandleBytes, packet, protocolVersion } from './numbers.ts';
import { extensions } from './shapes.ts';

/** What the server said to a question of the gateway's own. */
export type Answer =
  | { readonly kind: 'path' /** One character a byte. */; readonly path: string }
  | { readonly kind: 'there' }
  | { readonly kind: 'failed'; readonly code: number; readonly text: string };

/** @param bytes a STATUS, NAME or ATTRS, whole. Throws SshDataFault. */
export function readAnswer(bytes: Buffer): Answer {
  const reader = new SshReader(bytes, headBytes);
  const type = bytes[lengthBytes];
  if (type === packet.attrs) return { kind: 'there' };
  if (type === packet.status) {
    const code = reader.u32();
    // Servers of older versions end here.
    return { kind: 'failed', code, text: reader.remaining > 0 ? reader.string().toString('utf8') : '' };
  }
  if (type !== packet.name || reader.u32() !== 1) throw new SshDataFault('an answer that has no name in it');
  const path = reader.string().toString('latin1');
  if (path[0] !== '/' || path.includes('\0')) throw new SshDataFault('a canonical path that is none');
  return { kind: 'path', path };
}

/** @param bytes a HANDLE, whole. Throws SshDataFault. */
export function readHandleReply(bytes: Buffer): string {
  const reader = new SshReader(bytes, headBytes);
  const handle = reader.string();
  reader.end();
  if (handle.length > maxHandleBytes) throw new SshDataFault('the handle is too long');
  return handle.toString('latin1');
}

/**
 * Takes out of a VERSION the extensions that are not known here.
 *
 * @param bytes the packet, whole
 * @returns `bytes` itself where nothing has to go; undefined where it is not version 3
 * @throws SshDataFault
 */
export function knownVersion(bytes: Buffer): Buffer | undefined {
  const reader = new SshReader(bytes, lengthBytes + 1);
  if (reader.u32() !== protocolVersion) return undefined;
  const kept: [string, string][] = [];
  let all = true;
  while (reader.remaining > 0) {
    const name = reader.string().toString('latin1');
    const data = reader.string().toString('latin1');
    if (extensions.get(name)?.version === data) kept.push([name, data]);
    else all = false;
  }
  return all ? bytes : buildVersion(kept);
}
