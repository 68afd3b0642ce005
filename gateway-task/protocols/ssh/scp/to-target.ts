import { SshDataFault } from '#lib/ssh/data-types.ts';
import { maxLineBytes, readRecord } from './records.ts';
import { ReplyReader } from './reply-reader.ts';
import { type Admitted, type Entry, ScpStream } from './scp-stream.ts';
import { SourceReader } from './source-reader.ts';

/** A target's words to its user may be long. */
const maxReplyBytes = 8 * 1024;

/** What the target is to answer. */
type Awaited =
  | { readonly kind: 'plain' }
  | { readonly kind: 'entry'; readonly entry: Entry; readonly admitted: Admitted }
  | { readonly kind: 'body'; readonly sourceFailed: boolean };

/**
 * `scp -t`: the client sends files. A line is decided before it goes to the target; a refused file is answered
 * as a target answers that cannot write it, and the client goes on with the next one. Nothing of the client
 * passes while the target has an answer to give: whether a file's bytes or the next line follow is for the
 * target to say, and both must be read as it reads them.
 */
export class ScpToTarget extends ScpStream {
  readonly #source = new SourceReader(maxLineBytes);
  readonly #replies = new ReplyReader(maxReplyBytes);
  /** At first the target says that it is there. */
  #awaited: Awaited | undefined = { kind: 'plain' };
  /** One side has given up: nothing more is begun. */
  #leaving = false;

  protected walkClient(bytes: Buffer): number {
    let offset = 0;
    while (offset < bytes.length && !this.over && this.#awaited === undefined) {
      if (this.#leaving && !this.#source.inFile) {
        this.port.dropped(bytes.subarray(offset));
        return bytes.length;
      }
      const part = this.#source.read(bytes.subarray(offset));
      offset += part.used;
      if (part.kind === 'line') {
        this.#line(part.bytes);
      } else if (part.kind === 'body') {
        this.pass(part.bytes);
        this.port.toTarget(part.bytes);
      } else if (part.kind === 'status') {
        this.#awaited = { kind: 'body', sourceFailed: part.bytes[0] !== 0 };
        this.port.toTarget(part.bytes);
      }
    }
    if (!this.over) return offset;
    if (offset < bytes.length) this.port.dropped(bytes.subarray(offset));
    return bytes.length;
  }

  protected walkServer(bytes: Buffer): number {
    let offset = 0;
    while (offset < bytes.length && !this.over) {
      const reply = this.#replies.read(bytes.subarray(offset));
      if (reply === undefined) return bytes.length;
      offset += reply.used;
      this.port.toClient(reply.bytes);
      if (this.#awaited === undefined) {
        // Out of turn a target only says why it goes.
        if (reply.code === 0) throw new SshDataFault('an answer to nothing');
        this.#leaving = true;
      } else {
        const awaited = this.#awaited;
        this.#awaited = undefined;
        this.#heard(awaited, reply.code);
      }
    }
    return this.over ? bytes.length : offset;
  }

  protected clientRest(): Buffer {
    return this.#source.rest();
  }

  #line(line: Buffer): void {
    const record = readRecord(line);
    if (record.kind === 'file' || record.kind === 'directory') {
      const admitted = this.decide(record, line);
      if (admitted === undefined) {
        this.port.dropped(line);
      } else {
        this.#awaited = { kind: 'entry', entry: record, admitted };
        this.port.perform(admitted.admission, admitted.details, line);
      }
      return;
    }
    if (record.kind === 'end') this.places.leave();
    else if (record.kind === 'fatal') this.#leaving = true;
    if (record.kind === 'end' || record.kind === 'times') this.#awaited = { kind: 'plain' };
    this.port.toTarget(line);
  }

  #heard(awaited: Awaited, code: number): void {
    if (code > 1) this.#leaving = true;
    if (awaited.kind === 'body') {
      const failed = code === 0 ? undefined : 'the target did not take all of it';
      this.finishFile(awaited.sourceFailed ? 'the client could not read all of it' : failed);
    } else if (awaited.kind === 'entry' && code === 0) {
      const { entry, admitted } = awaited;
      if (entry.kind === 'directory') {
        this.places.enter(admitted.places);
      } else {
        this.beginFile(admitted.details, admitted.admission.decision.files === 'hashed');
        this.#source.beginBody(entry.size);
      }
    }
  }
}
