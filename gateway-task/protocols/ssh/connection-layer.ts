import type { Gate } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import { unknownCommand } from '#lib/ssh/commands.ts';
import type { Channel } from './channel.ts';
import { ChannelTable } from './channel-table.ts';
import { lines } from './refusal.ts';
import { Replies } from './replies.ts';
import {
  channelData,
  channelExtendedData,
  channelMessage,
  exitStatus,
  message,
  stderr,
  windowAdjust,
} from './wire/messages.ts';

const nothing = Buffer.alloc(0);
/** RFC 4254: every message of a channel names its recipient's number first. */
const recipientAt = 1;

/** What both directions of a session share: its channels, and how each end is spoken to. */
export class ConnectionLayer {
  readonly gate: Gate;
  readonly channels = new ChannelTable();
  /** Answers to global requests, RFC 4254 section 4. */
  readonly clientReplies = new Replies();
  readonly targetReplies = new Replies();
  /** Where the target listens for the client, and the record of the command that let it. */
  readonly listens = new Map<string, number>();
  /** What a client was let have on its own side: the target may open channels of these types. */
  readonly reversed = new Map<string, number>();

  /** The session goes when its channels have: no new ones. */
  leaving = false;

  constructor(gate: Gate) {
    this.gate = gate;
  }

  /** A message of the connection layer for the client, without data. */
  toClient(bytes: Buffer): void {
    this.gate.reply(bytes, nothing);
  }

  /** The same for the target, behind all that was sent before. */
  toTarget(bytes: Buffer): void {
    this.gate.inject(bytes);
  }

  /** Passes a message of a channel on to the client, under the client's number for the channel. */
  passToClient(channel: Channel, payload: Buffer): void {
    payload.writeUInt32BE(channel.clientId!, recipientAt);
    this.toClient(payload);
  }

  /** The same towards the target. */
  passToTarget(channel: Channel, payload: Buffer): void {
    payload.writeUInt32BE(channel.targetId!, recipientAt);
    this.toTarget(payload);
  }

  /** Lines for the person at the other end of a session channel, as far as there is room. */
  say(channel: Channel, reason: SallyportError): void {
    const text = lines(reason);
    const window = channel.toClient;
    if (channel.kind !== 'session' || window === undefined || channel.over) return;
    if (channel.targetId === undefined) return;
    if (channel.closed.byClient || channel.closed.toClient) return;
    if (window.own < text.length || channel.clientPacket < text.length) return;
    window.spendOwn(text.length);
    this.gate.reply(channelExtendedData(channel.clientId!, stderr, text), text, channel.stream + 1);
  }

  /** Data of the gateway's own in a channel. @returns false: there is no room for it */
  answer(channel: Channel, bytes: Buffer): boolean {
    const window = channel.toClient!;
    if (window.own < bytes.length) return false;
    window.spendOwn(bytes.length);
    for (const piece of pieces(bytes, channel.clientPacket)) {
      this.gate.reply(channelData(channel.clientId!, piece), piece, channel.stream);
    }
    return true;
  }

  /**
   * Refuses the program of a session channel in the words of a shell: a line on standard error, an exit status,
   * the end. Behind the answers that the client still waits for.
   */
  refuseProgram(channel: Channel, wantReply: boolean, reason: SallyportError, status: number): void {
    channel.started = true;
    channel.refused = true;
    channel.replies.answer(() => {
      if (wantReply) this.toClient(channelMessage(message.channelSuccess, channel.clientId!));
      this.say(channel, reason);
      this.toClient(exitStatus(channel.clientId!, status));
      this.finish(channel);
    });
  }

  /** What a client asks for that is not known is refused whatever policy says. */
  refuseUnknown(what: string): void {
    this.gate.refuse(
      unknownCommand(what),
      new SallyportError('unsupported', `the gateway does not know ${what}`),
    );
  }

  /** Ends a channel from the gateway's side; it goes when both ends have closed it. */
  finish(channel: Channel): void {
    if (channel.over) return;
    channel.over = true;
    channel.files?.serverEnd();
    this.closeToClient(channel);
    this.closeToTarget(channel);
  }

  closeToClient(channel: Channel): void {
    if (channel.closed.toClient || channel.clientId === undefined) return;
    channel.closed.toClient = true;
    this.toClient(channelMessage(message.channelClose, channel.clientId));
  }

  closeToTarget(channel: Channel): void {
    if (channel.closed.toTarget || channel.targetId === undefined) return;
    channel.closed.toTarget = true;
    this.toTarget(channelMessage(message.channelClose, channel.targetId));
  }

  /** After an end has closed: the channel is forgotten when the other has as well. */
  settle(channel: Channel): void {
    const { byClient, byTarget } = channel.closed;
    if (byClient && (byTarget || channel.targetId === undefined)) this.forget(channel);
  }

  /**
   * A channel that is over, or was never opened. What ran in it and has not told how it ended has its end recorded.
   *
   * @param why it was not opened
   */
  forget(channel: Channel, why?: string): void {
    if (channel.command !== undefined) {
      const reason = why === undefined ? {} : { why };
      this.gate.complete(
        channel.command,
        // A listener has many connections, and none of them is its end.
        channel.kind === 'forwarded' ? { closed: { channel: channel.stream, ...reason } } : { exit: reason },
      );
      channel.command = undefined;
    }
    this.channels.remove(channel);
  }

  /** Client bytes that were taken and go no further. */
  dropFromClient(channel: Channel, bytes: number): void {
    const more = channel.toTarget!.drop(bytes);
    if (more > 0 && !channel.closed.toClient) this.toClient(windowAdjust(channel.clientId!, more));
  }

  /** The same for the target's. */
  dropFromTarget(channel: Channel, bytes: number): void {
    const more = channel.toClient!.drop(bytes);
    if (more > 0 && !channel.closed.toTarget) this.toTarget(windowAdjust(channel.targetId!, more));
  }
}

/**
 * Requests that clients make over and over, and that do nothing: whether the other end is there (OpenSSH, Paramiko,
 * libssh2, JSch), and PuTTY's measure of the window. The gateway is there: any answer says so.
 */
export function asksForLife(request: string): boolean {
  return request.startsWith('keepalive@') || request === 'winadj@putty.projects.tartarus.org';
}

export function* pieces(bytes: Buffer, longest: number): Generator<Buffer> {
  if (bytes.length <= longest) {
    yield bytes;
    return;
  }
  for (let from = 0; from < bytes.length; from += longest) yield bytes.subarray(from, from + longest);
}
