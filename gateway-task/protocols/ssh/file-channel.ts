import { SallyportError } from '#lib/errors.ts';
import type { Channel } from './channel.ts';
import { type ConnectionLayer, pieces } from './connection-layer.ts';
import type { FilePort } from './sftp/port.ts';
import { channelData, channelMessage, message } from './wire/messages.ts';

/** Where the data begins in CHANNEL_DATA. */
const dataOffset = 9;

/** Of a folder of which nothing may be read, so many refusals are enough. */
const maxTold = 10;

/** Connects a file protocol to the two ends of its channel. */
export class FileChannel implements FilePort {
  readonly #layer: ConnectionLayer;
  readonly #channel: Channel;
  readonly #kind: 'sftp' | 'scp';
  /** The recording names canonical paths whatever policies look at. */
  readonly pathsMatter = true;
  /** The message whose data is being read: what passes whole is sent on as it came. */
  current: Buffer = Buffer.alloc(0);
  /** Of the gateway's own, until the target takes them. */
  readonly #questions: Buffer[] = [];
  /** Refusals that were said on standard error. */
  #told = 0;
  /** Parts of what passes next that the recording does not keep, in their order. */
  #withheld: Buffer[] = [];

  constructor(layer: ConnectionLayer, channel: Channel, kind: 'sftp' | 'scp') {
    this.#layer = layer;
    this.#channel = channel;
    this.#kind = kind;
    channel.onRoom = () => this.#sendQuestions();
  }

  admit: FilePort['admit'] = command => {
    const verdict = this.#layer.gate.admit(command);
    // OpenSSH's sftp drops the text of a refusal, and prints what comes as standard error.
    if (verdict instanceof SallyportError && this.#kind === 'sftp' && this.#told < maxTold) {
      this.#told += 1;
      this.#layer.say(this.#channel, verdict);
    }
    return verdict;
  };

  toTarget(bytes: Buffer): void {
    this.#channel.toTarget!.forward(bytes.length);
    const { targetId, targetPacket, stream } = this.#channel;
    for (const piece of pieces(bytes, targetPacket)) {
      this.#layer.gate.carry(this.#kept(piece), this.#message(targetId!, piece), stream);
    }
    this.#withheld = [];
  }

  withhold(bytes: Buffer): void {
    this.#withheld.push(bytes);
  }

  /** What of these bytes the recording keeps. */
  #kept(bytes: Buffer): Buffer {
    if (this.#withheld.length === 0) return bytes;
    const kept: Buffer[] = [];
    let from = 0;
    for (const withheld of this.#withheld) {
      if (withheld.buffer !== bytes.buffer) continue;
      const start = Math.max(from, withheld.byteOffset - bytes.byteOffset);
      const end = Math.min(bytes.length, withheld.byteOffset - bytes.byteOffset + withheld.length);
      if (end <= start) continue;
      kept.push(bytes.subarray(from, start));
      from = end;
    }
    return Buffer.concat([...kept, bytes.subarray(from)]);
  }

  perform: FilePort['perform'] = (admission, details, bytes) => {
    const { stream, targetId, targetPacket } = this.#channel;
    const { gate } = this.#layer;
    this.#channel.toTarget!.forward(bytes.length);
    gate.drop(bytes, stream);
    const [first = bytes, ...rest] = [...pieces(bytes, targetPacket)];
    const record = gate.perform(this.#message(targetId!, first), admission, {
      kind: this.#kind,
      channel: stream,
      ...details,
    });
    for (const piece of rest) gate.inject(channelData(targetId!, piece));
    return record;
  };

  ask(bytes: Buffer): void {
    if (bytes.length > this.#channel.toTarget!.reserve) {
      this.fail(
        new SallyportError('tooMany', 'the target takes less at a time than the gateway must ask it'),
      );
      return;
    }
    this.#questions.push(bytes);
    this.#sendQuestions();
  }

  dropped(bytes: Buffer): void {
    this.#layer.gate.drop(bytes, this.#channel.stream);
    this.#layer.dropFromClient(this.#channel, bytes.length);
  }

  toClient(bytes: Buffer): void {
    this.#channel.toClient!.forward(bytes.length);
    const { clientId, clientPacket, stream } = this.#channel;
    for (const piece of pieces(bytes, clientPacket)) {
      this.#layer.gate.reply(this.#message(clientId!, piece), this.#kept(piece), stream);
    }
    this.#withheld = [];
  }

  answer(bytes: Buffer): void {
    if (this.#layer.answer(this.#channel, bytes)) return;
    this.fail(new SallyportError('tooMany', 'more refusals wait than the client reads'));
  }

  swallowed(bytes: number): void {
    this.#layer.dropFromTarget(this.#channel, bytes);
  }

  file: FilePort['file'] = record =>
    this.#layer.gate.note('file', { channel: this.#channel.stream, ...record });

  refused(reason: SallyportError): void {
    this.#layer.gate.recordError(reason);
  }

  clientDone(): void {
    this.#layer.toTarget(channelMessage(message.channelEof, this.#channel.targetId!));
  }

  fail(reason: SallyportError): void {
    this.#layer.gate.recordError(reason);
    this.#layer.say(this.#channel, reason);
    this.#layer.finish(this.#channel);
  }

  #sendQuestions(): void {
    const { toTarget, targetId, targetPacket, closed } = this.#channel;
    while (!closed.toTarget && this.#questions.length > 0) {
      const bytes = this.#questions[0]!;
      if (toTarget!.own < bytes.length) return;
      this.#questions.shift();
      toTarget!.spendOwn(bytes.length);
      for (const piece of pieces(bytes, targetPacket)) this.#layer.toTarget(channelData(targetId!, piece));
    }
  }

  #message(recipient: number, data: Buffer): Buffer {
    const { current } = this;
    const whole =
      data.length > 0 &&
      data.length === current.length - dataOffset &&
      data.buffer === current.buffer &&
      data.byteOffset === current.byteOffset + dataOffset;
    if (!whole) return channelData(recipient, data);
    current.writeUInt32BE(recipient, 1);
    return current;
  }
}
