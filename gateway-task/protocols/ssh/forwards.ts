import { posix } from 'node:path';
import type { InnerConnections } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { forwardCommand } from '#lib/ssh/commands.ts';
import type { SshReader } from '#lib/ssh/data-types.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { words } from './refusal.ts';
import { channelOpenFailure, openFailure } from './wire/messages.ts';

/** The window of a forwarded connection is passed on whole: nothing is said in it but what both ends say. */
export const noReserve = 0;
/** ssh2 takes packets of 35,000 bytes; 32 KiB is what OpenSSH uses. */
export const longestPacket = 32 * 1024;
const shortestPacket = 1_024;

/** @param packet the longest data that an end takes in one message. Throws `protocolViolation`: too short to use */
export function packetOf(packet: number): number {
  if (packet >= shortestPacket) return Math.min(packet, longestPacket);
  throw new SallyportError('protocolViolation', 'a channel with a packet size that nothing fits in');
}

export type Destination =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** `host:port`, `[::1]:22`, `unix:/path` without `//`, `.` and `..`: what policies and records call it. */
export function destinationText(destination: Destination): string {
  if (destination.kind === 'unix') return `unix:${posix.normalize(destination.path)}`;
  const host = destination.host.includes(':') ? `[${destination.host}]` : destination.host;
  return `${host}:${destination.port}`;
}

/** RFC 4254 section 7.2, and OpenSSH PROTOCOL section 2.4 for sockets. */
export function readDestination(
  type: string,
  reader: SshReader,
): { readonly to: Destination; readonly from: string } {
  if (type === 'direct-tcpip') {
    const host = reader.text();
    const port = reader.u32();
    const origin = reader.text();
    const originPort = reader.u32();
    reader.end();
    return { to: { kind: 'tcp', host, port }, from: `${origin}:${originPort}` };
  }
  const path = reader.text();
  reader.string();
  reader.u32();
  reader.end();
  return { to: { kind: 'unix', path }, from: '' };
}

/**
 * Decides a connection through the target.
 *
 * @param target the gateway's own at that address, if there is one
 * @returns what to answer, where it may not be
 */
export function admitForward(
  layer: ConnectionLayer,
  to: Destination,
  origin: string,
  target: ReturnType<InnerConnections['targetAt']>,
) {
  const destination = destinationText(to);
  const details = { kind: 'forward', destination, origin };
  return layer.gate.admit(forwardCommand(destination), details, unclear(to) ?? unserved(target));
}

/**
 * What would not be opened as it was decided: behind a link, `..` of a path is another folder than it looks; a relative
 * path is a host and a port in policies' eyes; a port beyond 65,535 is another port to some.
 */
export function unclear(to: Destination): SallyportError | undefined {
  const clear =
    to.kind === 'tcp'
      ? to.port <= 65_535 && !/[\p{Cc}\p{Cf}\p{Z}/]/u.test(to.host)
      : to.path.startsWith('/') && !to.path.split('/').includes('..') && !to.path.includes('\0');
  if (clear) return undefined;
  return new SallyportError('denied', 'the destination is not clear', {
    hint: 'Write a host and a port up to 65535, or the path of a socket from / on and without ".."',
  });
}

/** The target would look for it by that name in its own network, past the gateway. */
function unserved(target: ReturnType<InnerConnections['targetAt']>): SallyportError | undefined {
  if (target === undefined || target.served) return undefined;
  return new SallyportError('denied', `this gateway does not serve ${target.name}`, {
    hint: 'Connect to it where its protocol is served.',
  });
}

export function prohibited(sender: number, reason: SallyportError): Buffer {
  return channelOpenFailure(sender, openFailure.administrativelyProhibited, words(reason));
}
