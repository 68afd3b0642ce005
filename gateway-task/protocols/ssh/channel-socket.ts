import { Duplex } from 'node:stream';
import type { Channel } from './channel.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { pieces } from './connection-layer.ts';
import { longestPacket } from './forwards.ts';
import { maxWindow } from './window.ts';
import {
  channelData,
  channelMessage,
  channelOpenConfirmation,
  message,
  windowAdjust,
} from './wire/messages.ts';

/** What a client may have under way in such a channel. */
const innerWindow = 256 * 1024;
const creditLump = innerWindow / 4;

/**
 * A channel whose other end is the gateway itself, as a socket: what speaks over it is the protocol of another
 * target. Its bytes are in the recording of that protocol's session, not in this one's.
 */
export class ChannelSocket extends Duplex {
  readonly #layer: ConnectionLayer;
  readonly #channel: Channel;
  /** What the client still takes. */
  #window: number;
  /** What it may still send, and what it has been read of since it was last told. */
  #granted = innerWindow;
  #credit = 0;
  #confirmed = false;
  #ended = false;
  #awaitsDrain = false;
  #waiting: { readonly bytes: Buffer; readonly done: (error?: Error | null) => void } | undefined;

  constructor(layer: ConnectionLayer, channel: Channel, window: number) {
    super({ allowHalfOpen: true });
    this.#layer = layer;
    this.#channel = channel;
    this.#window = window;
    // Whoever serves it listens later, and lets go of it sooner.
    this.on('error', () => {});
  }

  /** The client has been told that it is open: before that, it may say nothing in it. */
  get confirmed(): boolean {
    return this.#confirmed;
  }

  confirm(): void {
    this.#confirmed = true;
    const { clientId, id } = this.#channel;
    this.#layer.toClient(channelOpenConfirmation(clientId!, id, innerWindow, longestPacket));
  }

  /** Data from the client. @returns false: more than it was let send, or after its end */
  receive(data: Buffer): boolean {
    this.#granted -= data.length;
    if (this.#granted < 0 || this.#ended) return false;
    // A copy: it lies in a chunk of the outer socket's.
    if (this.push(Buffer.from(data))) this.#read(data.length);
    else this.#credit += data.length;
    return true;
  }

  /** The client has sent its last byte. */
  takeEnd(): void {
    this.#ended = true;
    this.push(null);
  }

  /** The client takes so many more. @returns false: more than a window can be */
  grant(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > maxWindow) return false;
    this.#flush();
    return true;
  }

  override _read(): void {
    this.#read(0);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#waiting = { bytes: chunk, done };
    this.#flush();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#channel.closed.toClient) {
      this.#layer.toClient(channelMessage(message.channelEof, this.#channel.clientId!));
    }
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting?.done(new Error('the channel was closed'));
    this.#waiting = undefined;
    this.#layer.closeToClient(this.#channel);
    done(error);
  }

  #read(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit < creditLump || this.#channel.closed.toClient) return;
    this.#granted += this.#credit;
    this.#layer.toClient(windowAdjust(this.#channel.clientId!, this.#credit));
    this.#credit = 0;
  }

  /** A client that grants without end and does not read is sent no more than it has read. */
  #flush(): void {
    while (this.#waiting && this.#window > 0 && !this.#channel.closed.toClient) {
      if (this.#layer.gate.clientBlocked) {
        this.#flushLater();
        return;
      }
      const { bytes, done } = this.#waiting;
      const now = bytes.subarray(0, this.#window);
      this.#window -= now.length;
      // The recording of this session has nothing of it, and still it is in use.
      this.#layer.gate.lastActivity = Date.now();
      for (const piece of pieces(now, this.#channel.clientPacket)) {
        this.#layer.toClient(channelData(this.#channel.clientId!, piece));
      }
      this.#waiting = now.length === bytes.length ? undefined : { bytes: bytes.subarray(now.length), done };
      if (!this.#waiting) done();
    }
  }

  #flushLater(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#layer.gate.onceClientDrains(() => {
      this.#awaitsDrain = false;
      this.#flush();
    });
  }
}
