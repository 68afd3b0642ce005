import { SallyportError } from '#lib/errors.ts';
import { Channel, type ChannelKind, maxChannelNumber } from './channel.ts';

/** sshd lets ten sessions in; forwards are many where a browser goes through one. */
const maxChannels = 1_024;

/** The channels of one session. Both ends are told the same numbers. */
export class ChannelTable {
  readonly #channels = new Map<number, Channel>();
  readonly #free: number[] = [];
  #made = 0;
  /** Told of each channel that has gone. */
  onRemoved: ((channel: Channel) => void) | undefined;

  get size(): number {
    return this.#channels.size;
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.#channels.values();
  }

  /** Undefined: there are too many, or there have been more than a recording has numbers for. */
  make(kind: ChannelKind): Channel | undefined {
    if (this.#channels.size >= maxChannels || this.#made === maxChannelNumber) return undefined;
    this.#made += 1;
    const channel = new Channel(this.#free.pop() ?? this.#channels.size, this.#made, kind);
    this.#channels.set(channel.id, channel);
    return channel;
  }

  /** The channel of this number, open or about to be. Throws `protocolViolation`: there is none. */
  get(id: number): Channel {
    const channel = this.#channels.get(id);
    if (channel) return channel;
    throw notOpen();
  }

  /** The channel that the client speaks of, which must be open. Throws `protocolViolation`. */
  ofClient(id: number): Channel {
    const channel = this.get(id);
    if (channel.inner?.confirmed || isOpen(channel)) return channel;
    throw notOpen();
  }

  /** The channel that the target speaks of, which must be open. Throws `protocolViolation`. */
  ofTarget(id: number): Channel {
    const channel = this.get(id);
    if (isOpen(channel)) return channel;
    throw notOpen();
  }

  /** Forgets a channel that both ends have closed, or that was never opened. */
  remove(channel: Channel): void {
    if (!this.#channels.delete(channel.id)) return;
    this.#free.push(channel.id);
    channel.files?.serverEnd();
    this.onRemoved?.(channel);
  }
}

/** Both ends have said what they call it. */
function isOpen({ clientId, targetId }: Channel): boolean {
  return clientId !== undefined && targetId !== undefined;
}

function notOpen(): SallyportError {
  return new SallyportError('protocolViolation', 'a message for a channel that is not open');
}
