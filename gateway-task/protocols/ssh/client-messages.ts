import type { Admission } from '#gateway/pipeline/gate.ts';
import type { InnerConnections } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshReader } from '#lib/ssh/data-types.ts';
import type { Channel } from './channel.ts';
import type { ChannelData } from './channel-data.ts';
import { ChannelSocket } from './channel-socket.ts';
import { asksForLife, type ConnectionLayer } from './connection-layer.ts';
import {
  admitForward,
  destinationText,
  noReserve,
  packetOf,
  prohibited,
  readDestination,
} from './forwards.ts';
import { Listens } from './listens.ts';
import type { SessionRequests } from './session-requests.ts';
import { Window } from './window.ts';
import { channelMessage, channelOpenFailure, message, openFailure, requestFailure } from './wire/messages.ts';

/** What is held back of a session's window, for answers and refusals of the gateway's. */
export const sessionReserve = 256 * 1024;

/** Messages from the client, RFC 4254: each is passed on, answered or refused. */
export class ClientMessages {
  readonly #layer: ConnectionLayer;
  readonly #data: ChannelData;
  readonly #requests: SessionRequests;
  readonly #listens: Listens;
  readonly #inner: InnerConnections;
  /** No more sessions: the client said so itself. */
  #closedToSessions = false;

  constructor(layer: ConnectionLayer, data: ChannelData, requests: SessionRequests, inner: InnerConnections) {
    this.#layer = layer;
    this.#inner = inner;
    this.#data = data;
    this.#requests = requests;
    this.#listens = new Listens(layer);
  }

  /** Throws coded errors, and `SshDataFault` for what cannot be read; both end the session. */
  take(payload: Buffer): void {
    switch (payload[0]) {
      case message.channelData:
        this.#data.fromClient(payload);
        return;
      case message.channelWindowAdjust:
        this.#windowAdjust(payload);
        return;
      case message.channelRequest:
        this.#channelRequest(payload);
        return;
      case message.channelEof:
        this.#eof(payload);
        return;
      case message.channelClose:
        this.#close(payload);
        return;
      case message.channelOpen:
        this.#open(payload);
        return;
      case message.channelSuccess:
      case message.channelFailure:
        this.#channelAnswer(payload);
        return;
      case message.channelOpenConfirmation:
      case message.channelOpenFailure:
        this.#openAnswer(payload);
        return;
      case message.globalRequest:
        this.#globalRequest(payload);
        return;
      case message.requestSuccess:
      case message.requestFailure:
        this.#layer.targetReplies.arrived(payload, () => this.#layer.toTarget(payload));
        return;
      case message.userauthRequest:
      case message.extInfo:
        // RFC 4252 section 5.1: after success they are passed over in silence.
        return;
      default:
        throw new SallyportError(
          'protocolViolation',
          `an SSH message of type ${payload[0]}, which has no place here`,
        );
    }
  }

  #open(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const type = reader.name();
    const senderAt = reader.offset;
    const sender = reader.u32();
    const window = reader.u32();
    const packet = packetOf(reader.u32());
    if (this.#layer.leaving) {
      this.#layer.toClient(
        channelOpenFailure(
          sender,
          openFailure.administrativelyProhibited,
          'Sallyport: the gateway is going away. Connect again.',
        ),
      );
      return;
    }
    switch (type) {
      case 'session':
        if (this.#closedToSessions) {
          this.#layer.toClient(
            channelOpenFailure(sender, openFailure.administrativelyProhibited, 'no more sessions'),
          );
          return;
        }
        this.#make('session', sender, window, packet, payload, senderAt);
        return;
      case 'direct-tcpip':
      case 'direct-streamlocal@openssh.com':
        this.#forward(type, sender, window, packet, reader, payload, senderAt);
        return;
      default: {
        this.#layer.refuseUnknown(`channel ${type}`);
        this.#layer.toClient(
          channelOpenFailure(
            sender,
            openFailure.unknownChannelType,
            'Sallyport does not know this type of channel.',
          ),
        );
      }
    }
  }

  #forward(
    type: string,
    sender: number,
    window: number,
    packet: number,
    reader: SshReader,
    payload: Buffer,
    senderAt: number,
  ): void {
    const { to, from } = readDestination(type, reader);
    const destination = destinationText(to);
    const target = to.kind === 'tcp' ? this.#inner.targetAt(to.host, to.port) : undefined;
    const verdict = admitForward(this.#layer, to, from, target);
    if (verdict instanceof SallyportError) {
      this.#layer.toClient(prohibited(sender, verdict));
      return;
    }
    if (target !== undefined) {
      this.#openInner(target.name, sender, window, packet, verdict, { destination, origin: from });
      return;
    }
    this.#make('forward', sender, window, packet, payload, senderAt, channel => {
      channel.command = this.#layer.gate.perform(payload, verdict, {
        kind: 'forward',
        channel: channel.stream,
        destination,
        origin: from,
      });
    });
  }

  /** A connection to a target of the gateway's own is a session of its own, by that target's protocol. */
  #openInner(
    target: string,
    sender: number,
    window: number,
    packet: number,
    admission: Admission,
    details: object,
  ): void {
    const channel = this.#layer.channels.make('inner');
    if (!channel) {
      this.#layer.toClient(
        channelOpenFailure(sender, openFailure.resourceShortage, 'Too many channels are open.'),
      );
      return;
    }
    channel.clientId = sender;
    channel.clientPacket = packet;
    const socket = new ChannelSocket(this.#layer, channel, window);
    channel.inner = socket;
    channel.command = this.#layer.gate.record(admission, {
      kind: 'forward',
      channel: channel.stream,
      ...details,
      target,
    });
    this.#layer.gate.whenDurable(() => {
      // The session has ended meanwhile.
      if (socket.destroyed) return;
      socket.confirm();
      this.#inner.serve(target, socket);
    });
  }

  /** Passes an open on under the gateway's number. */
  #make(
    kind: Channel['kind'],
    sender: number,
    window: number,
    packet: number,
    payload: Buffer,
    senderAt: number,
    send: (channel: Channel) => void = () => this.#layer.toTarget(payload),
  ): void {
    const channel = this.#layer.channels.make(kind);
    if (!channel) {
      this.#layer.toClient(
        channelOpenFailure(sender, openFailure.resourceShortage, 'Too many channels are open.'),
      );
      return;
    }
    channel.clientId = sender;
    channel.clientPacket = packet;
    channel.toClient = new Window(window, kind === 'session' ? sessionReserve : noReserve);
    payload.writeUInt32BE(channel.id, senderAt);
    payload.writeUInt32BE(channel.toClient.passed, senderAt + 4);
    payload.writeUInt32BE(channel.clientPacket, senderAt + 8);
    send(channel);
  }

  #channelRequest(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#layer.channels.ofClient(reader.u32());
    const name = reader.name();
    const wantReply = reader.bool();
    if (channel.inner) {
      if (wantReply) this.#layer.toClient(channelMessage(message.channelFailure, channel.clientId!));
      return;
    }
    if (channel.closed.byClient)
      throw new SallyportError('protocolViolation', 'a request in a channel that was closed');
    if (channel.over || channel.refused || channel.closed.toTarget) return;
    if (channel.kind === 'session') {
      this.#requests.take(channel, name, wantReply, reader, payload);
    } else if (wantReply) {
      channel.replies.answer(() =>
        this.#layer.toClient(channelMessage(message.channelFailure, channel.clientId!)),
      );
    }
  }

  #windowAdjust(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#layer.channels.ofClient(reader.u32());
    const bytes = reader.u32();
    reader.end();
    if (channel.inner) {
      if (!channel.inner.grant(bytes)) throw tooLarge();
      return;
    }
    const window = channel.toClient!;
    const more = window.grant(bytes);
    if (!window.sane) throw tooLarge();
    if (more === 0 || channel.over || channel.closed.toTarget) return;
    payload.writeUInt32BE(more, 5);
    this.#layer.passToTarget(channel, payload);
  }

  #eof(payload: Buffer): void {
    const channel = this.#layer.channels.ofClient(new SshReader(payload, 1).u32());
    channel.inner?.takeEnd();
    if (channel.over || channel.refused || channel.closed.toTarget || channel.targetId === undefined) return;
    if (channel.files) {
      channel.files.clientEnd();
      return;
    }
    this.#layer.passToTarget(channel, payload);
  }

  #close(payload: Buffer): void {
    const channel = this.#layer.channels.ofClient(new SshReader(payload, 1).u32());
    if (channel.closed.byClient) throw new SallyportError('protocolViolation', 'a channel was closed twice');
    channel.closed.byClient = true;
    channel.files?.serverEnd();
    channel.inner?.destroy();
    this.#layer.closeToTarget(channel);
    // The target answers with a close of its own, and may have the exit status to tell before: clients close as
    // soon as both ends have sent their EOF.
    if (channel.targetId === undefined) this.#layer.closeToClient(channel);
    this.#layer.settle(channel);
  }

  /** An answer to a request of the target's. */
  #channelAnswer(payload: Buffer): void {
    const channel = this.#layer.channels.ofClient(new SshReader(payload, 1).u32());
    if (channel.owedToTarget === 0 || channel.targetId === undefined || channel.closed.toTarget) return;
    channel.owedToTarget -= 1;
    this.#layer.passToTarget(channel, payload);
  }

  /** An answer to a channel that the target wants to open. */
  #openAnswer(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#layer.channels.get(reader.u32());
    if (channel.clientId !== undefined || channel.targetId === undefined) {
      throw new SallyportError('protocolViolation', 'a channel was answered that was not asked for');
    }
    if (payload[0] === message.channelOpenFailure) {
      this.#layer.passToTarget(channel, payload);
      this.#layer.forget(channel, 'refused by the client');
      return;
    }
    channel.clientId = reader.u32();
    channel.toClient = new Window(reader.u32(), noReserve);
    channel.clientPacket = packetOf(reader.u32());
    payload.writeUInt32BE(channel.id, 5);
    payload.writeUInt32BE(channel.clientPacket, 13);
    this.#layer.passToTarget(channel, payload);
  }

  #globalRequest(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const name = reader.name();
    const wantReply = reader.bool();
    if (this.#listens.take(name, wantReply, reader, payload)) return;
    switch (name) {
      case 'no-more-sessions@openssh.com':
        this.#closedToSessions = true;
        return;
      default:
        if (!asksForLife(name)) this.#layer.refuseUnknown(`request ${name}`);
        if (wantReply) this.#layer.clientReplies.answer(() => this.#layer.toClient(requestFailure()));
    }
  }
}

function tooLarge(): SallyportError {
  return new SallyportError('protocolViolation', 'a window larger than a window can be');
}
