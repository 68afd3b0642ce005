import { SallyportError } from '#lib/errors.ts';
import type { Channel } from './channel.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import type { FileChannel } from './file-channel.ts';
import type { KeyboardInput } from './keyboard-input.ts';
import { message } from './wire/messages.ts';

/** Where the data begins, RFC 4254 section 5.2: behind channel and length, and the kind of extended data. */
const dataOffset = 9;
const extendedOffset = 13;

/** The file protocol of a channel, with its port, and what watches its keyboard. */
export interface Interpreters {
  readonly files: Map<Channel, FileChannel>;
  readonly keyboards: Map<Channel, KeyboardInput>;
}

/** The bytes of channels, which pass as they came: the recipient's number is written over in place. */
export class ChannelData {
  readonly #layer: ConnectionLayer;
  readonly #interpreters: Interpreters;

  constructor(layer: ConnectionLayer, interpreters: Interpreters) {
    this.#layer = layer;
    this.#interpreters = interpreters;
  }

  fromClient(payload: Buffer): void {
    const data = dataOf(payload, dataOffset);
    const channel = this.#layer.channels.ofClient(payload.readUInt32BE(1));
    // It says nothing, and costs the client no window.
    if (data.length === 0 && !channel.closed.byClient) return;
    if (channel.inner) {
      // What passes the gate is activity by that; this goes to a session of its own.
      this.#layer.gate.lastActivity = Date.now();
      if (channel.closed.byClient || !channel.inner.receive(data)) throw outOfTurn('the client');
      return;
    }
    const window = channel.toTarget!;
    if (channel.closed.byClient || !window.take(data.length)) throw outOfTurn('the client');
    const opened = channel.kind !== 'session' || channel.started;
    if (channel.over || channel.refused || channel.closed.toTarget || !opened) {
      this.#layer.gate.drop(data, channel.stream);
      if (!channel.over) this.#layer.dropFromClient(channel, data.length);
      return;
    }
    if (channel.files) {
      this.#interpreters.files.get(channel)!.current = payload;
      channel.files.fromClient(data);
      return;
    }
    window.forward(data.length);
    payload.writeUInt32BE(channel.targetId!, 1);
    const keyboard = this.#interpreters.keyboards.get(channel);
    if (keyboard) keyboard.typed(data, payload);
    else this.#layer.gate.carry(data, payload, channel.stream);
  }

  fromTarget(payload: Buffer): void {
    const extended = payload[0] === message.channelExtendedData;
    const data = dataOf(payload, extended ? extendedOffset : dataOffset);
    const channel = this.#layer.channels.ofTarget(payload.readUInt32BE(1));
    if (data.length === 0 && !channel.closed.byTarget) return;
    const window = channel.toClient!;
    if (channel.closed.byTarget || !window.take(data.length)) throw outOfTurn('the target');
    if (channel.over || channel.refused || channel.closed.byClient || channel.closed.toClient) {
      if (!channel.over) this.#layer.dropFromTarget(channel, data.length);
      return;
    }
    if (channel.files && !extended) {
      this.#interpreters.files.get(channel)!.current = payload;
      channel.files.fromServer(data);
      return;
    }
    window.forward(data.length);
    payload.writeUInt32BE(channel.clientId!, 1);
    this.#interpreters.keyboards.get(channel)?.shown(data);
    this.#layer.gate.reply(payload, data, extended ? channel.stream + 1 : channel.stream);
  }
}

function dataOf(payload: Buffer, offset: number): Buffer {
  if (payload.length < offset || payload.readUInt32BE(offset - 4) !== payload.length - offset) {
    throw new SallyportError('protocolViolation', 'a malformed SSH message');
  }
  return payload.subarray(offset);
}

function outOfTurn(whose: string): SallyportError {
  return new SallyportError('protocolViolation', `${whose} sent data where it may not`);
}
