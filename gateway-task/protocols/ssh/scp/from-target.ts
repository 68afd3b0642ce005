import { maxLineBytes, readRecord } from './records.ts';
import { ReplyReader } from './reply-reader.ts';
import { type Admitted, type Entry, ScpStream, skip } from './scp-stream.ts';
import { SourceReader } from './source-reader.ts';

/** Longer than OpenSSH's, which the client may cut where it likes. */
const maxSourceLineBytes = 8 * 1024;

/** What the client is to answer. */
type Awaited =
  | { readonly kind: 'plain' }
  | { readonly kind: 'entry'; readonly entry: Entry; readonly admitted: Admitted }
  | { readonly kind: 'body'; readonly sourceFailed: boolean };

/**
 * `scp -f`: the target sends files. Each is decided when the target announces it; of a refused one the client
 * is told so, and the target that the client does not want it, so that it does not send it. What makes the
 * target send a file is the client's answer to the announcement: that is the command. An answer goes to the
 * target only when the target has asked: one that comes early could be taken for leave to send what is not
 * decided yet.
 */
export class ScpFromTarget extends ScpStream {
  readonly #source = new SourceReader(maxSourceLineBytes);
  readonly #replies = new ReplyReader(maxLineBytes);
  /** At first the client says that it is there. */
  #awaited: Awaited | undefined = { kind: 'plain' };

  protected walkServer(bytes: Buffer): number {
    let offset = 0;
    while (offset < bytes.length && !this.over && this.#awaited === undefined) {
      const part = this.#source.read(bytes.subarray(offset));
      offset += part.used;
      if (part.kind === 'line') {
        this.#line(part.bytes);
      } else if (part.kind === 'body') {
        this.pass(part.bytes);
        this.port.toClient(part.bytes);
      } else if (part.kind === 'status') {
        this.#awaited = { kind: 'body', sourceFailed: part.bytes[0] !== 0 };
        this.port.toClient(part.bytes);
      }
    }
    return this.over ? bytes.length : offset;
  }

  protected walkClient(bytes: Buffer): number {
    let offset = 0;
    while (offset < bytes.length && !this.over && this.#awaited !== undefined) {
      const reply = this.#replies.read(bytes.subarray(offset));
      if (reply === undefined) return bytes.length;
      offset += reply.used;
      const awaited = this.#awaited;
      this.#awaited = undefined;
      this.#heard(awaited, reply.code, reply.bytes);
    }
    if (!this.over) return offset;
    if (offset < bytes.length) this.port.dropped(bytes.subarray(offset));
    return bytes.length;
  }

  protected clientRest(): Buffer {
    return this.#replies.rest();
  }

  #line(line: Buffer): void {
    const record = readRecord(line);
    if (record.kind === 'file' || record.kind === 'directory') {
      const admitted = this.decide(record, line);
      if (admitted === undefined) {
        this.port.swallowed(line.length);
        if (!this.over) this.port.ask(skip);
        return;
      }
      this.#awaited = { kind: 'entry', entry: record, admitted };
    } else if (record.kind === 'end' || record.kind === 'times') {
      if (record.kind === 'end') this.places.leave();
      this.#awaited = { kind: 'plain' };
    }
    this.port.toClient(line);
  }

  #heard(awaited: Awaited, code: number, bytes: Buffer): void {
    if (awaited.kind === 'entry' && code === 0) {
      const { entry, admitted } = awaited;
      this.port.perform(admitted.admission, admitted.details, bytes);
      if (entry.kind === 'directory') {
        this.places.enter(admitted.places);
      } else {
        this.beginFile(admitted.details, admitted.admission.decision.files === 'hashed');
        this.#source.beginBody(entry.size);
      }
      return;
    }
    this.port.toTarget(bytes);
    if (awaited.kind !== 'body') return;
    const failed = code === 0 ? undefined : 'the client did not take all of it';
    this.finishFile(awaited.sourceFailed ? 'the target could not read all of it' : failed);
  }
}
