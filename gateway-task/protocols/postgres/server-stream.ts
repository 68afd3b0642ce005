import type { Gate } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Conversation } from './conversation.ts';
import type { Questions } from './questions.ts';
import { backend, frameBytes, headBytes } from './wire/frames.ts';
import { Partial } from './wire/partial.ts';
import { readParameterStatus } from './wire/read.ts';

/** A message that the gateway reads is held until it is whole, up to here; a longer one passes unread. */
const maxReadBytes = 64 * 1024;
/** An answer to a question of the gateway's own may hold a statement's whole text. */
const maxAnswerBytes = 2 * 1024 * 1024;

/**
 * Server to client: walks the frames and forwards them as they came. Few are read: those that say how far
 * the server has come, settings, errors that stand for a refusal, and answers to the gateway's own questions.
 */
export class ServerStream {
  readonly #conversation: Conversation;
  readonly #gate: Gate;
  readonly #questions: Questions;
  /** A frame that must be whole and has not come so. */
  readonly #partial = new Partial();
  /** Bytes left of a frame that passes. */
  #passing = 0;

  constructor(conversation: Conversation, gate: Gate, questions: Questions) {
    this.#conversation = conversation;
    this.#gate = gate;
    this.#questions = questions;
  }

  /** Takes what the server sent, and keeps none of its memory. Throws coded errors that end the session. */
  take(chunk: Buffer): void {
    const bytes = this.#partial.length === 0 ? chunk : this.#partial.add(chunk);
    if (bytes) this.#walk(bytes);
  }

  /** The client has got part of a message: nothing of the gateway's own can be said now. */
  get midMessage(): boolean {
    return this.#passing > 0;
  }

  #walk(bytes: Buffer): void {
    const end = bytes.length;
    if (this.#passing >= end) {
      this.#passing -= end;
      this.#gate.reply(bytes);
      return;
    }
    /** Where the run begins that has not been sent on. */
    let start = 0;
    let offset = this.#passing;
    this.#passing = 0;
    while (offset < end) {
      const available = end - offset;
      if (available < headBytes) {
        this.#keep(bytes, start, offset, headBytes);
        return;
      }
      const length = frameBytes(bytes, offset);
      if (length < 0) throw new SallyportError('targetUnavailable', 'the target sent an impossible message');
      const type = bytes[offset]!;
      if (
        !this.#questions.active &&
        (type === backend.dataRow || type === backend.copyData || !isRead(type))
      ) {
        offset += length;
        continue;
      }
      if (available < length) {
        if (length <= (this.#questions.active ? maxAnswerBytes : maxReadBytes)) {
          this.#keep(bytes, start, offset, length);
          return;
        }
        if (this.#questions.active)
          throw new SallyportError('targetUnavailable', 'an answer of the target is too long');
        this.#passUnread(type);
        offset += length;
        continue;
      }

      const frame = bytes.subarray(offset, offset + length);
      const instead = this.#read(type, frame);
      offset += length;
      if (instead !== undefined) {
        this.#send(bytes, start, offset - length);
        if (instead !== null) this.#gate.reply(instead);
        start = offset;
      }
    }
    this.#send(bytes, start, Math.min(offset, end));
    this.#passing = offset - end;
    // Only now: what follows may tell the client something, and that must come after what is above.
    if (this.#conversation.quiet) this.#questions.onQuiet();
  }

  /** @returns undefined: the frame passes; null: it goes no further; bytes: they go instead. */
  #read(type: number, frame: Buffer): Buffer | null | undefined {
    const conversation = this.#conversation;
    if (this.#questions.active && this.#questions.take(frame)) {
      if (type === backend.readyForQuery) conversation.status = statusOf(frame);
      return null;
    }
    switch (type) {
      case backend.readyForQuery:
        conversation.ready(statusOf(frame));
        return undefined;
      case backend.parseComplete:
      case backend.bindComplete:
      case backend.closeComplete:
        conversation.statements.confirm();
        return undefined;
      case backend.parameterStatus:
        conversation.setParameter(...readParameterStatus(frame.subarray(headBytes)));
        return undefined;
      case backend.copyInResponse:
        conversation.copyIn();
        return undefined;
      case backend.errorResponse:
        conversation.failed();
        return conversation.refusals.pending ? conversation.refusals.replace(frame) : undefined;
    }
    return undefined;
  }

  /** What a message says by being there, whatever its text is. */
  #passUnread(type: number): void {
    if (type === backend.errorResponse) this.#conversation.failed();
    else if (type === backend.parameterStatus) this.#conversation.setLongParameter();
  }

  #send(bytes: Buffer, start: number, end: number): void {
    if (end > start)
      this.#gate.reply(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  }

  #keep(bytes: Buffer, start: number, offset: number, need: number): void {
    this.#send(bytes, start, offset);
    this.#partial.begin(bytes.subarray(offset), need);
  }
}

function isRead(type: number): boolean {
  return (
    type === backend.readyForQuery ||
    type === backend.parseComplete ||
    type === backend.bindComplete ||
    type === backend.closeComplete ||
    type === backend.parameterStatus ||
    type === backend.copyInResponse ||
    type === backend.errorResponse
  );
}

function statusOf(frame: Buffer): 'I' | 'T' | 'E' {
  const status = frame[headBytes];
  return status === 0x49 ? 'I' : status === 0x54 ? 'T' : 'E';
}
