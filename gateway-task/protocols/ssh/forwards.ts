import { posix } from 'node:path';
import { SallyportError } from '#lib/errors.ts';
import type { SshReader } from '#lib/ssh/data-types.ts';
import { forwardCommand, listenCommand } from './commands.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { words } from './refusal.ts';
import { channelOpenFailure, openFailure, requestFailure } from './wire/messages.ts';

/** The window of a forwarded connection is passed on whole: nothing is said in it but what both ends say. */
export const noReserve = 0;
/** ssh2 takes packets of 35,000 bytes; 32 KiB is what OpenSSH uses. */
export const longestPacket = 32 * 1024;
const shortestPacket = 1_024;
/** Places to listen at that a session may have: those of the longest command line that somebody has written. */
const maxListens = 256;

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

/** Listening at the target, RFC 4254 section 7.1: global requests of a client. */
export class Listens {
  readonly #layer: ConnectionLayer;

  constructor(layer: ConnectionLayer) {
    this.#layer = layer;
  }

  /** @returns false: it is none of these requests */
  take(name: string, wantReply: boolean, reader: SshReader, payload: Buffer): boolean {
    switch (name) {
      case 'tcpip-forward':
      case 'cancel-tcpip-forward': {
        const host = reader.text();
        const port = reader.u32();
        reader.end();
        return this.#listen(
          destinationText({ kind: 'tcp', host, port }),
          name.startsWith('cancel'),
          wantReply,
          payload,
        );
      }
      case 'streamlocal-forward@openssh.com':
      case 'cancel-streamlocal-forward@openssh.com': {
        const path = reader.text();
        reader.end();
        return this.#listen(
          destinationText({ kind: 'unix', path }),
          name.startsWith('cancel'),
          wantReply,
          payload,
        );
      }
      default:
        return false;
    }
  }

  #listen(address: string, cancel: boolean, wantReply: boolean, payload: Buffer): true {
    const { gate, clientReplies, listens } = this.#layer;
    const listening = cancel ? listens.get(address) : undefined;
    if (listening !== undefined) {
      listens.delete(address);
      gate.complete(listening, { exit: {} });
      this.#layer.toTarget(payload);
      if (wantReply) clientReplies.expect();
      return true;
    }
    const full = listens.size >= maxListens;
    const verdict =
      cancel || full ? undefined : gate.admit(listenCommand(address), { kind: 'listen', address });
    if (verdict === undefined || verdict instanceof SallyportError) {
      if (wantReply) clientReplies.answer(() => this.#layer.toClient(requestFailure()));
      return true;
    }
    listens.set(address, gate.perform(payload, verdict, { kind: 'listen', address }));
    if (wantReply) clientReplies.expect();
    return true;
  }
}

/** Decides a connection through the target. @returns what to answer, where it may not be */
export function admitForward(layer: ConnectionLayer, destination: string, origin: string) {
  return layer.gate.admit(forwardCommand(destination), { kind: 'forward', destination, origin });
}

export function prohibited(sender: number, reason: SallyportError): Buffer {
  return channelOpenFailure(sender, openFailure.administrativelyProhibited, words(reason));
}
