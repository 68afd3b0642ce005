/** Packets of the gateway's own making; everything else passes as it came. */
import { SshWriter } from '#lib/ssh/data-types.ts';
import { lengthBytes, packet, protocolVersion } from './numbers.ts';

function finish(writer: SshWriter): Buffer {
  const bytes = writer.done();
  bytes.writeUInt32BE(bytes.length - lengthBytes, 0);
  return bytes;
}

const begin = (type: number, id: number): SshWriter => new SshWriter().u32(0).u8(type).u32(id);

export function init(): Buffer {
  return finish(begin(packet.init, protocolVersion));
}

/** @param pairs names and data of extensions */
export function version(pairs: readonly (readonly [name: string, data: string])[]): Buffer {
  const writer = begin(packet.version, protocolVersion);
  for (const [name, data] of pairs) {
    writer.string(Buffer.from(name, 'latin1')).string(Buffer.from(data, 'latin1'));
  }
  return finish(writer);
}

/** Section 7. The language tag stays empty, as OpenSSH leaves it. */
export function status(id: number, code: number, text: string): Buffer {
  return finish(begin(packet.status, id).u32(code).string(text).string(''));
}

/** REALPATH or LSTAT. @param path one character a byte */
export function pathRequest(type: number, id: number, path: string): Buffer {
  return finish(begin(type, id).string(Buffer.from(path, 'latin1')));
}

/** expand-path@openssh.com. @param path one character a byte */
export function expandPath(id: number, path: string): Buffer {
  return finish(
    begin(packet.extended, id).string('expand-path@openssh.com').string(Buffer.from(path, 'latin1')),
  );
}
