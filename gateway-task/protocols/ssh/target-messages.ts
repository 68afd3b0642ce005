import { SallyportError } from '#lib/errors.ts';
import { SshReader } from '#lib/ssh/data-types.ts';
import type { Channel } from './channel.ts';
import type { ChannelData } from './channel-data.ts';
import { sessionReserve } from './client-messages.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { destinationText, noReserve, packetOf } from './forwards.ts';
import { Window } from './window.ts';
import { channelOpenFailure, message, openFailure, requestFailure } from './wire/messages.ts';

/** Of what a target says about a channel that it does not open, so much is recorded. */
const maxReason = 200;

/** Messages from the target: each is passed on, answered or refused. */
export class TargetMessages {
  readonly #layer: ConnectionLayer;
  readonly #data: ChannelData;

  constructor(layer: ConnectionLayer, data: ChannelData) {
    this.#layer = layer;
    this.#data = data;
  }

  /** Throws coded errors, and `SshDataFault` for what cannot be read; both end the session. */
  take(payload: Buffer): void {
    switch (payload[0]) {
      case message.channelData:
      case message.channelExtendedData:
        this.#data.fromTarget(payload);
        return;
      case message.channelWindowAdjust:
        this.#windowAdjust(payload);
        return;
      case message.channelRequest:
        this.#channelRequest(payload);
        return;
      case message.channelEof:
        this.#pass(payload);
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
        this.#confirmed(payload);
        return;
      case message.channelOpenFailure:
        this.#failed(payload);
        return;
      case message.globalRequest:
        this.#globalRequest(payload);
        return;
      case message.requestSuccess:
      case message.requestFailure:
        this.#layer.clientReplies.arrived(payload, () => this.#layer.toClient(payload));
        return;
      case message.extInfo:
      case message.userauthBanner:
        return;
      default:
        throw new SallyportError('protocolViolation', `the target sent an SSH message of type ${payload[0]}`);
    }
  }

  #windowAdjust(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#layer.channels.ofTarget(reader.u32());
    const bytes = reader.u32();
    reader.end();
    const window = channel.toTarget!;
    const more = window.grant(bytes);
    if (!window.sane)
      throw new SallyportError('protocolViolation', 'the target grants a window that is none');
    channel.onRoom?.();
    if (more === 0 || deaf(channel)) return;
    payload.writeUInt32BE(more, 5);
    this.#layer.passToClient(channel, payload);
  }

  #channelRequest(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#layer.channels.ofTarget(reader.u32());
    const name = reader.name();
    const wantReply = reader.bool();
    const exit =
      name === 'exit-status'
        ? { status: reader.u32() }
        : name === 'exit-signal'
          ? { signal: reader.name() }
          : undefined;
    if (exit !== undefined) this.#exited(channel, exit);
    const untold = channel.over || channel.refused || channel.closed.toClient;
    if (untold || (channel.closed.byClient && exit === undefined)) return;
    if (wantReply) channel.owedToTarget += 1;
    if (channel.owedToTarget > 4_096) throw new SallyportError('tooMany', 'the target asks without end');
    this.#layer.passToClient(channel, payload);
  }

  #exited(channel: Channel, exit: object): void {
    if (channel.command === undefined || channel.kind !== 'session') return;
    this.#layer.gate.complete(channel.command, { exit });
    channel.command = undefined;
  }

  #pass(payload: Buffer): void {
    const channel = this.#layer.channels.ofTarget(new SshReader(payload, 1).u32());
    if (channel.refused || deaf(channel)) return;
    this.#layer.passToClient(channel, payload);
  }

  #close(payload: Buffer): void {
    const channel = this.#layer.channels.ofTarget(new SshReader(payload, 1).u32());
    if (channel.closed.byTarget)
      throw new SallyportError('protocolViolation', 'the target closed a channel twice');
    channel.closed.byTarget = true;
    channel.files?.serverEnd();
    this.#layer.closeToTarget(channel);
    // A refusal may wait behind answers that will not come now.
    channel.replies.abandon();
    this.#layer.closeToClient(channel);
    this.#layer.settle(channel);
  }

  #channelAnswer(payload: Buffer): void {
    const channel = this.#layer.channels.ofTarget(new SshReader(payload, 1).u32());
    channel.replies.arrived(payload, () => {
      if (deaf(channel)) return;
      this.#layer.passToClient(channel, payload);
    });
  }

  #confirmed(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#unopened(reader.u32());
    channel.targetId = reader.u32();
    channel.toTarget = new Window(reader.u32(), channel.kind === 'session' ? sessionReserve : noReserve);
    channel.targetPacket = packetOf(reader.u32());
    payload.writeUInt32BE(channel.id, 5);
    payload.writeUInt32BE(channel.toTarget.passed, 9);
    payload.writeUInt32BE(channel.targetPacket, 13);
    this.#layer.passToClient(channel, payload);
  }

  #failed(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const channel = this.#unopened(reader.u32());
    reader.u32();
    const why = reader.string().toString('utf8').slice(0, maxReason);
    this.#layer.passToClient(channel, payload);
    this.#layer.forget(channel, why);
  }

  #unopened(id: number): Channel {
    const channel = this.#layer.channels.get(id);
    if (channel.targetId === undefined && channel.clientId !== undefined) return channel;
    throw new SallyportError('protocolViolation', 'the target answered a channel that was not asked for');
  }

  /** A connection to where the target listens for the client, or to what the client let it have. */
  #open(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    const type = reader.name();
    const senderAt = reader.offset;
    const sender = reader.u32();
    const window = reader.u32();
    const packet = packetOf(reader.u32());
    const permitted = this.#permitted(type, reader);
    const channel = permitted === undefined ? undefined : this.#layer.channels.make('forwarded');
    if (channel === undefined || permitted === undefined) {
      this.#layer.toTarget(
        channelOpenFailure(sender, openFailure.administrativelyProhibited, 'nobody asked for this'),
      );
      return;
    }
    channel.targetId = sender;
    channel.targetPacket = packet;
    channel.toTarget = new Window(window, noReserve);
    channel.command = permitted.record;
    this.#layer.gate.complete(permitted.record, {
      connection: { channel: channel.stream, origin: permitted.origin },
    });
    payload.writeUInt32BE(channel.id, senderAt);
    payload.writeUInt32BE(channel.targetPacket, senderAt + 8);
    this.#layer.toClient(payload);
  }

  /** The record of the command that lets the target open this. */
  #permitted(
    type: string,
    reader: SshReader,
  ): { readonly record: number; readonly origin: string } | undefined {
    if (type === 'forwarded-tcpip') {
      const host = reader.text();
      const port = reader.u32();
      const origin = `${reader.text()}:${reader.u32()}`;
      const record = this.#layer.listens.get(destinationText({ kind: 'tcp', host, port }));
      return record === undefined ? undefined : { record, origin };
    }
    if (type === 'forwarded-streamlocal@openssh.com') {
      const record = this.#layer.listens.get(destinationText({ kind: 'unix', path: reader.text() }));
      return record === undefined ? undefined : { record, origin: '' };
    }
    const record = this.#layer.reversed.get(type);
    return record === undefined ? undefined : { record, origin: '' };
  }

  #globalRequest(payload: Buffer): void {
    const reader = new SshReader(payload, 1);
    reader.name();
    const wantReply = reader.bool();
    // Host keys of the target are nobody's business but the gateway's: a client would take them for the gateway's.
    if (wantReply) this.#layer.targetReplies.answer(() => this.#layer.toTarget(requestFailure()));
  }
}

/** The client is told no more of this channel than how it ended. */
function deaf({ over, closed }: Channel): boolean {
  return over || closed.byClient || closed.toClient;
}
