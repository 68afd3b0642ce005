import { posix } from 'node:path';
import type { InnerConnections } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { forwardCommand, listenCommand } from '#lib/ssh/commands.ts';
import type { SshReader } from '#lib/ssh/data-types.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { words } from './refusal.ts';
import { channelOpenFailure, message, openFailure, requestFailure } from './wire/messages.ts';

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
        return this.#listen({ kind: 'tcp', host, port }, name.startsWith('cancel'), wantReply, payload);
      }
      case 'streamlocal-forward@openssh.com':
      case 'cancel-streamlocal-forward@openssh.com': {
        const path = reader.text();
        reader.end();
        return this.#listen({ kind: 'unix', path }, name.startsWith('cancel'), wantReply, payload);
      }
      default:
        return false;
    }
  }

  #listen(at: Destination, cancel: boolean, wantReply: boolean, payload: Buffer): true {
    const { gate, clientReplies, listens } = this.#layer;
    const address = destinationText(at);
    const listening = cancel ? listens.get(address) : undefined;
    if (listening !== undefined) {
      listens.delete(address);
      gate.complete(listening, { exit: {} });
      this.#layer.toTarget(payload);
      if (wantReply) clientReplies.expect();
      return true;
    }
    const verdict = cancel || this.#taken(at, address) ? undefined : this.#admit(at, address);
    if (verdict === undefined || verdict instanceof SallyportError) {
      if (wantReply) clientReplies.answer(() => this.#layer.toClient(requestFailure()));
      return true;
    }
    const record = gate.perform(payload, verdict, { kind: 'listen', address });
    listens.set(address, record);
    if (wantReply) clientReplies.expect(answer => this.#answered(at, record, answer));
    return true;
  }

  /** There are too many, or this one is there: where any port is asked for, each is another. */
  #taken(at: Destination, address: string): boolean {
    const { listens } = this.#layer;
    const another = at.kind === 'tcp' && at.port === 0;
    return listens.size >= maxListens || (!another && listens.has(address));
  }

  #admit(at: Destination, address: string) {
    const { gate } = this.#layer;
    const refusal = unclear(at, address);
    if (refusal === undefined) return gate.admit(listenCommand(address), { kind: 'listen', address });
    gate.recordError(refusal);
    return refusal;
  }

  /** The target listens, at a port of its choice where any was asked for, or does not. */
  #answered(at: Destination, record: number, answer: Buffer): void {
    const { gate, listens } = this.#layer;
    const address = destinationText(at);
    const refused = answer[0] === message.requestFailure;
    if (refused) gate.complete(record, { exit: { why: 'refused by the target' } });
    // Cancelled meanwhile, or asked for again.
    if (listens.get(address) !== record) return;
    if (refused) listens.delete(address);
    else if (at.kind === 'tcp' && at.port === 0 && answer.length >= 5) {
      listens.delete(address);
      listens.set(destinationText({ ...at, port: answer.readUInt32BE(1) }), record);
    }
  }
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
  const refusal = unclear(to, destination) ?? unserved(target, destination);
  if (refusal !== undefined) {
    layer.gate.recordError(refusal);
    return refusal;
  }
  return layer.gate.admit(forwardCommand(destination), { kind: 'forward', destination, origin });
}

/** Behind a link, `..` is another folder than it looks: what is decided would not be what is opened. */
function unclear(to: Destination, destination: string): SallyportError | undefined {
  if (to.kind === 'tcp' || (!to.path.split('/').includes('..') && !to.path.includes('\0'))) return undefined;
  return new SallyportError('denied', 'the path of a socket has .. or a NUL in it', {
    detail: destination,
    hint: 'Write the path without it.',
  });
}

/** The target would look for it by that name in its own network, past the gateway. */
function unserved(
  target: ReturnType<InnerConnections['targetAt']>,
  destination: string,
): SallyportError | undefined {
  if (target === undefined || target.served) return undefined;
  return new SallyportError('denied', `this gateway does not serve ${target.name}`, {
    detail: destination,
    hint: 'Connect to it where its protocol is served.',
  });
}

export function prohibited(sender: number, reason: SallyportError): Buffer {
  return channelOpenFailure(sender, openFailure.administrativelyProhibited, words(reason));
}
