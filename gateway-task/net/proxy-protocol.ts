import { SallyportError } from '#lib/errors.ts';
import type { ByteReader } from './byte-reader.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const maxAddressBytes = 536;

/**
 * The client's address as a load balancer states it: PROXY protocol version 2, the binary form only
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2). Where it is switched on it is
 * required: a connection without it did not come through the load balancer. TLVs are skipped.
 *
 * @returns the stated address, or undefined for a health check of the balancer itself (LOCAL).
 */
export async function readProxyHeader(reader: ByteReader): Promise<string | undefined> {
  const head = await reader.read(16);
  const versionAndCommand = head[12]!;
  const family = head[13]! >> 4;
  const length = head.readUInt16BE(14);
  if (!head.subarray(0, 12).equals(signature) || versionAndCommand >> 4 !== 2 || length > maxAddressBytes) {
    throw new SallyportError('protocolViolation', 'no PROXY protocol version 2 header');
  }
  const addresses = await reader.read(length);
  const command = versionAndCommand & 0x0f;
  if (command === 0) return undefined;
  if (command !== 1) throw new SallyportError('protocolViolation', 'unknown PROXY protocol command');
  if (family === 1 && length >= 12) return addresses.subarray(0, 4).join('.');
  if (family === 2 && length >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) => addresses.readUInt16BE(index * 2).toString(16));
    return groups.join(':');
  }
  throw new SallyportError('protocolViolation', 'a PROXY protocol header without an IP address');
}
