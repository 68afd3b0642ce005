import { createHash, type Hash } from 'node:crypto';
import type { Gate } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import type { ClientMessages } from './client-messages.ts';
import type { Conversation } from './conversation.ts';
import { frameBytes, frontend, headBytes, maxSmallBytes, maxWholeBytes } from './wire/frames.ts';
import { Partial } from './wire/partial.ts';

/** The rest of a frame that passes in pieces. */
interface Passing {
  left: number;
  /** Refused: recorded, not forwarded. */
  readonly dropped: boolean;
  /** Of a text that policy let pass unread: what its digest is made of. */
  readonly unread:
    | { readonly hash: Hash; readonly record: number; readonly settle: (digest: string) => void }
    | undefined;
}

/**
 * Client to server: walks the frames, has decided what must be decided, and forwards them as they came, in
 * runs as long as they are. Holds at most one partial frame, and what came while a question is under way.
 */
export class ClientStream {
  readonly #conversation: Conversation;
  readonly #gate: Gate;
  readonly #messages: ClientMessages;
  readonly #hold: (held: boolean) => void;
  /** A frame that has not come whole. */
  readonly #partial = new Partial();
  #passing: Passing | undefined;
  /** The frame that waits, and what came since. */
  #held: Buffer | undefined;
  /** What it waits for is whether the server takes data; else it is an answer to a question. */
  #heldForCopy = false;

  /** @param hold stops and starts reading from the client */
  constructor(
    conversation: Conversation,
    gate: Gate,
    messages: ClientMessages,
    hold: (held: boolean) => void,
  ) {
    this.#conversation = conversation;
    this.#gate = gate;
    this.#messages = messages;
    this.#hold = hold;
  }

  /** Takes what the client sent. Throws coded errors that end the session. */
  take(chunk: Buffer): void {
    if (this.#held) {
      this.#held = Buffer.concat([this.#held, chunk]);
    } else {
      const bytes = this.#partial.length === 0 ? chunk : this.#partial.add(chunk);
      if (bytes) this.#walk(bytes);
    }
  }

  /** The server has said something: whether it takes data may be known now. */
  heard(): void {
    if (this.#heldForCopy && !this.#conversation.awaitsCopy) this.resume();
  }

  /** What the held frame waited for is there. */
  resume(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    this.#heldForCopy = false;
    this.#hold(false);
    this.#walk(held);
  }

  /** The client is in the middle of a message, or one waits to be decided. */
  get busy(): boolean {
    return this.#partial.length > 0 || this.#passing !== undefined || this.#held !== undefined;
  }

  #walk(bytes: Buffer): void {
    /** Where the run begins that has not been forwarded. */
    let start = 0;
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#passing) {
        start = offset = this.#continue(this.#passing, bytes, start, offset);
        continue;
      }
      if (this.#conversation.awaitsCopy) {
        this.#carry(bytes, start, offset);
        this.#wait(bytes.subarray(offset));
        this.#heldForCopy = true;
        return;
      }
      const available = bytes.length - offset;
      if (available < headBytes) {
        this.#keep(bytes, start, offset, headBytes);
        return;
      }
      const type = bytes[offset]!;
      const length = frameBytes(bytes, offset);
      if (length < 0) throw new SallyportError('protocolViolation', 'invalid message length');
      if (type === frontend.copyData || type === frontend.copyFail) {
        if (type === frontend.copyFail) this.#conversation.copyEnd();
        offset += this.#begin(length, available);
        continue;
      }
      const unread = length > maxWholeBytes;
      const need = unread || type === frontend.bind ? Math.min(length, maxSmallBytes) : length;
      if (available < need) {
        this.#keep(bytes, start, offset, need);
        return;
      }

      const outcome = this.#messages.decide(type, bytes.subarray(offset, offset + need), length, unread);
      if (outcome === 'pass') {
        offset += this.#begin(length, available);
      } else if (outcome === 'forward') {
        const end = offset + Math.min(length, available);
        const record = this.#messages.forward(bytes.subarray(start, end));
        if (unread)
          this.#beginUnread(bytes.subarray(offset + headBytes, end), length - (end - offset), record);
        else this.#begin(length, available);
        start = offset = end;
      } else if (outcome === 'hold') {
        this.#carry(bytes, start, offset);
        this.#wait(bytes.subarray(offset));
        return;
      } else {
        this.#carry(bytes, start, offset);
        const end = offset + this.#begin(length, available, true);
        this.#gate.drop(bytes.subarray(offset, end));
        if (outcome !== 'drop') this.#gate.inject(outcome);
        start = offset = end;
      }
    }
    this.#carry(bytes, start, offset);
  }

  #wait(bytes: Buffer): void {
    this.#held = bytes;
    this.#hold(true);
  }

  #carry(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.#gate.carry(bytes.subarray(start, end));
  }

  #keep(bytes: Buffer, start: number, offset: number, need: number): void {
    this.#carry(bytes, start, offset);
    this.#partial.begin(bytes.subarray(offset), need);
  }

  /** @returns how many bytes of the frame are here; the rest passes as it comes. */
  #begin(length: number, available: number, dropped = false): number {
    if (length <= available) return length;
    this.#passing = { left: length - available, dropped, unread: undefined };
    return available;
  }

  #beginUnread(body: Buffer, left: number, record: number): void {
    const unread = { hash: createHash('sha256').update(body), record, settle: this.#messages.settleUnread() };
    this.#passing = { left, dropped: false, unread };
  }

  /** @returns where the next run begins. */
  #continue(passing: Passing, bytes: Buffer, start: number, offset: number): number {
    const end = Math.min(bytes.length, offset + passing.left);
    passing.left -= end - offset;
    if (passing.left === 0) this.#passing = undefined;
    if (passing.dropped) {
      this.#carry(bytes, start, offset);
      this.#gate.drop(bytes.subarray(offset, end));
      return end;
    }
    if (passing.unread === undefined) {
      // Goes on with its neighbours.
      this.#carry(bytes, start, end);
      return end;
    }
    const { hash, record, settle } = passing.unread;
    hash.update(bytes.subarray(offset, end));
    if (passing.left === 0) {
      const digest = hash.digest('hex');
      settle(digest);
      this.#gate.complete(record, { sha256: digest });
    }
    this.#carry(bytes, start, end);
    return end;
  }
}
