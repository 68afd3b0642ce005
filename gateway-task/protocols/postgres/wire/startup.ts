import { SallyportError } from '#lib/errors.ts';

/**
 * What a client says first, before there are typed messages:
 * https://www.postgresql.org/docs/18/protocol-message-formats.html (StartupMessage, SSLRequest,
 * GSSENCRequest, CancelRequest).
 */
export type Opening =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer }
  | { readonly kind: 'startup'; readonly minor: number; readonly parameters: ReadonlyMap<string, string> };

const code = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const;

/** PostgreSQL's own bound (MAX_STARTUP_PACKET_LENGTH). */
export const maxOpeningBytes = 10_000;
/** The newest minor version of protocol 3 that is spoken here. */
export const newestMinor = 2;

/** The length field of an opening packet, itself included. */
export function openingLength(head: Buffer): number {
  const length = head.readUInt32BE(0);
  if (length < 8 || length > maxOpeningBytes) {
    throw new SallyportError('protocolViolation', 'invalid length of startup packet');
  }
  return length;
}

/** @param packet a whole opening packet, its length field included. */
export function readOpening(packet: Buffer): Opening {
  const request = packet.readUInt32BE(4);
  if (request === code.ssl || request === code.gssenc) {
    if (packet.length !== 8) throw new SallyportError('protocolViolation', 'invalid encryption request');
    return { kind: request === code.ssl ? 'ssl' : 'gssenc' };
  }
  if (request === code.cancel) {
    if (packet.length < 16 || packet.length > 12 + 256) {
      throw new SallyportError('protocolViolation', 'invalid length of cancel request');
    }
    return { kind: 'cancel', processId: packet.readInt32BE(8), secretKey: packet.subarray(12) };
  }
  const major = request >>> 16;
  if (major !== 3) {
    throw new SallyportError('unsupported', `unsupported frontend protocol ${major}.${request & 0xffff}`, {
      hint: 'Sallyport speaks PostgreSQL protocol 3.0 and 3.2.',
    });
  }
  return { kind: 'startup', minor: request & 0xffff, parameters: readParameters(packet) };
}

function readParameters(packet: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  let offset = 8;
  while (packet[offset] !== 0) {
    const nameEnd = packet.indexOf(0, offset);
    const valueEnd = nameEnd < 0 ? -1 : packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0 || valueEnd + 1 >= packet.length) {
      throw new SallyportError(
        'protocolViolation',
        'invalid startup packet layout: expected terminator as last byte',
      );
    }
    const name = packet.toString('utf8', offset, nameEnd);
    if (parameters.has(name))
      throw new SallyportError('protocolViolation', `startup parameter "${printable(name)}" given twice`);
    parameters.set(name, packet.toString('utf8', nameEnd + 1, valueEnd));
    offset = valueEnd + 1;
  }
  if (offset !== packet.length - 1) {
    throw new SallyportError(
      'protocolViolation',
      'invalid startup packet layout: expected terminator as last byte',
    );
  }
  return parameters;
}

function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
}
