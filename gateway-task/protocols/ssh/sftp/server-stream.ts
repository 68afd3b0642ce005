import { SshDataFault } from '#lib/ssh/data-types.ts';
import type { CanonicalPaths } from './canonical.ts';
import type { ClientStream } from './client-stream.ts';
import type { Exchange, Pending } from './exchange.ts';
import type { OpenFile } from './open-file.ts';
import type { FilePort } from './port.ts';
import { Gather } from './wire/gather.ts';
import {
  headBytes,
  lengthBytes,
  maxAnswerBytes,
  maxHandleBytes,
  maxPacketBytes,
  packet,
  statusCode,
} from './wire/numbers.ts';
import { knownVersion, readAnswer, readHandleReply } from './wire/replies.ts';

/** The rest of a packet that passes. */
interface Body {
  left: number;
  /** Of a DATA: the file, and where in it the next byte is. */
  readonly file: OpenFile | undefined;
  offset: number;
}

/** Head, and the code of a STATUS or the length of DATA. */
const longHeadBytes = headBytes + 4;

/**
 * Server to client: looks at the head of each packet, learns handles and what became of requests, and passes
 * everything on as it came, but for the answers to the gateway's own questions. At the end of a packet the
 * client is told what it is to be told, and what waits of it is tried again.
 */
export class ServerStream {
  readonly #port: FilePort;
  readonly #exchange: Exchange;
  readonly #canonical: CanonicalPaths;
  readonly #client: ClientStream;
  /** As much of a packet as must be there to know what it is. */
  readonly #partial = new Gather();
  #need = lengthBytes + 1;
  #body: Body | undefined;

  constructor(port: FilePort, exchange: Exchange, canonical: CanonicalPaths, client: ClientStream) {
    this.#port = port;
    this.#exchange = exchange;
    this.#canonical = canonical;
    this.#client = client;
  }

  /** Throws SshDataFault. */
  take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#partial.length === 0) {
        this.#walk(rest);
        return;
      }
      const lacks = this.#need - this.#partial.length;
      this.#partial.add(rest.subarray(0, lacks));
      rest = rest.subarray(lacks);
      if (this.#partial.length >= this.#need) this.#walk(this.#partial.take());
    }
  }

  #walk(bytes: Buffer): void {
    /** Where the run begins that has not been passed on. */
    let start = 0;
    let offset = 0;
    try {
      while (offset < bytes.length && !this.#exchange.over) {
        if (this.#body) {
          offset = this.#pass(this.#body, bytes, offset);
        } else {
          const need = this.#needed(bytes, offset, bytes.length - offset);
          if (bytes.length - offset < need) {
            this.#need = need;
            this.#partial.add(bytes.subarray(offset));
            break;
          }
          const end = offset + need;
          const passes = this.#begin(bytes, offset, end);
          if (!passes) {
            this.#carry(bytes, start, offset);
            start = end;
          }
          offset = end;
        }
        this.#exchange.midPacket = this.#body !== undefined;
        if (this.#body || !(this.#client.waits || this.#exchange.replyWaits)) continue;
        this.#carry(bytes, start, offset);
        start = offset;
        this.#exchange.sendReplies();
        this.#client.resume();
      }
    } catch (fault) {
      if (fault instanceof SshDataFault) this.#carry(bytes, start, offset);
      throw fault;
    }
    if (!this.#exchange.over) this.#carry(bytes, start, offset);
  }

  /** How many bytes of the packet at `at` must be there to know what to do with it. */
  #needed(bytes: Buffer, at: number, available: number): number {
    if (available < headBytes) return headBytes;
    const whole = lengthBytes + bytes.readUInt32BE(at);
    if (whole < headBytes || whole > maxPacketBytes) throw new SshDataFault('an impossible packet length');
    const type = bytes[at + lengthBytes];
    const own = this.#client.awaitsVersion || this.#exchange.isQuestion(bytes.readUInt32BE(at + 5));
    if (own || type === packet.handle) {
      if (whole > (own ? maxAnswerBytes : longHeadBytes + maxHandleBytes)) {
        throw new SshDataFault('an answer is too long');
      }
      return whole;
    }
    if (type !== packet.status && type !== packet.data) return headBytes;
    if (whole < longHeadBytes) throw new SshDataFault('a packet is cut short');
    return longHeadBytes;
  }

  /** @returns whether the packet that begins at `at` passes; if not, it ends at `end`. */
  #begin(bytes: Buffer, at: number, end: number): boolean {
    if (this.#client.awaitsVersion) return this.#version(bytes.subarray(at, end));
    const type = bytes[at + lengthBytes]!;
    const pending = this.#exchange.end(bytes.readUInt32BE(at + 5));
    if (pending.kind === 'question') {
      const answer = readAnswer(bytes.subarray(at, end));
      this.#canonical.learn(pending.question, answer);
      this.#port.swallowed(end - at);
      return false;
    }
    const whole = lengthBytes + bytes.readUInt32BE(at);
    const file = this.#heard(pending, type, bytes, at, whole);
    const left = whole - (end - at);
    if (left > 0) this.#body = { left, file, offset: pending.kind === 'read' ? pending.offset : 0 };
    return true;
  }

  /**
   * What an answer says.
   * @returns the file whose data follow
   */
  #heard(pending: Pending, type: number, bytes: Buffer, at: number, whole: number): OpenFile | undefined {
    if (type === packet.status) {
      const failed = bytes.readUInt32BE(at + headBytes) !== statusCode.ok;
      if (pending.kind === 'write' && failed) pending.file.written.spoil('the target did not take all of it');
      return undefined;
    }
    if (type !== expectedReply(pending)) throw new SshDataFault('an answer of another kind');
    if (pending.kind === 'open') {
      this.#exchange.open(readHandleReply(bytes.subarray(at, at + whole)), pending.opening);
    }
    if (pending.kind !== 'read') return undefined;
    const length = bytes.readUInt32BE(at + headBytes);
    if (longHeadBytes + length !== whole) throw new SshDataFault('a packet is not as long as what it says');
    if (length > pending.length) throw new SshDataFault('more data than were asked for');
    return pending.file;
  }

  #version(bytes: Buffer): boolean {
    if (bytes[lengthBytes] !== packet.version) throw new SshDataFault('the target does not say its version');
    const known = knownVersion(bytes);
    if (known === undefined) throw new SshDataFault('the target does not speak version 3 of SFTP');
    this.#client.versionCame();
    if (known === bytes) return true;
    this.#port.swallowed(bytes.length);
    this.#port.answer(known);
    return false;
  }

  /** @returns where the part of the packet that is here ends. */
  #pass(body: Body, bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + body.left);
    const data = bytes.subarray(offset, end);
    body.file?.read.add(body.offset, data);
    if (body.file?.opening.hashed) this.#port.withhold(data);
    body.left -= end - offset;
    body.offset += end - offset;
    if (body.left === 0) this.#body = undefined;
    return end;
  }

  #carry(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.#port.toClient(bytes.subarray(start, end));
  }
}

/** The packet type that may answer besides a STATUS. */
function expectedReply(pending: Pending): number | undefined {
  if (pending.kind === 'read') return packet.data;
  if (pending.kind === 'open') return packet.handle;
  return pending.kind === 'other' ? pending.reply : undefined;
}
