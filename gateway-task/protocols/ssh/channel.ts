import type { ChannelSocket } from './channel-socket.ts';
import { Replies } from './replies.ts';
import type { FileStream } from './sftp/port.ts';
import type { Window } from './window.ts';

/** The streams of a channel in the recording: the even number is standard input and output, the odd one error. */
export const maxChannelNumber = 32_767;

export type ChannelKind = 'session' | 'forward' | 'forwarded' | 'inner';

/** One channel, RFC 4254 section 5: what each end calls it, and what may still pass. */
export class Channel {
  /** What the gateway calls it, towards both ends. */
  readonly id: number;
  readonly kind: ChannelKind;
  /** In the recording. */
  readonly stream: number;
  /** What the client and the target call it; unknown until that end has confirmed. */
  clientId: number | undefined;
  targetId: number | undefined;
  /** Client to target and back; unknown until it is open. */
  toTarget: Window | undefined;
  toClient: Window | undefined;
  /** The longest data that each end takes in one message. */
  clientPacket = 0;
  targetPacket = 0;
  /** Answers that the client waits for. */
  readonly replies = new Replies();
  /** What reads the data, where it is a file protocol. */
  files: FileStream | undefined;
  /** The other end, where that is the gateway itself. */
  inner: ChannelSocket | undefined;
  /** Record of the command that runs in it: its exit is told of it. */
  command: number | undefined;
  /** A program was started, or refused: there is one in a channel. */
  started = false;
  pty = false;
  /** The client's terminal shows what is typed, as far as it says so. */
  echo = true;
  /** The client has set something by which names may mean something else to its program, or be computed. */
  redefined = false;
  /** The program was refused: what the client sends is dropped, and the refusal is on its way. */
  refused = false;
  /** Nothing passes any more but the closing. */
  over = false;
  /** Called when the target takes more. */
  onRoom: (() => void) | undefined;
  /** Answers that the target waits for. */
  owedToTarget = 0;
  /** What the client set before it started a program. */
  readonly environment = new Map<string, string>();
  readonly closed = { byClient: false, byTarget: false, toClient: false, toTarget: false };

  /** @param number of the channel in its session, from 1 to {@link maxChannelNumber} */
  constructor(id: number, number: number, kind: ChannelKind) {
    this.id = id;
    this.kind = kind;
    this.stream = 2 * number;
  }
}
