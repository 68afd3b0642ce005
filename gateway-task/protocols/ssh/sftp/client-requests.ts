import type { Admission } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { commandOf, FileFacts } from '#lib/ssh/file-facts.ts';
import type { CanonicalPaths } from './canonical.ts';
import type { Exchange, Pending } from './exchange.ts';
import type { OpenFile, Opening } from './open-file.ts';
import { type FileAction, fileActions, flagNames, openFor } from './operations.ts';
import { joinPath, normalPath, pathText, splitPath } from './paths.ts';
import type { FileOperation, FilePort } from './port.ts';
import { refusalText } from './refusal.ts';
import type { Question } from './resolve.ts';
import { expandPath, pathRequest, status } from './wire/build.ts';
import { lengthBytes, maxPathBytes, packet, statusCode } from './wire/numbers.ts';
import type { Answer } from './wire/replies.ts';
import { type Request, readRequest } from './wire/request.ts';
import { requestShapes } from './wire/shapes.ts';
import type { Transfer } from './wire/transfer.ts';

/**
 * What becomes of a packet: `carry`, it goes on with its neighbours; `done`, it went where it goes; `wait`, it
 * is given again when the server has said more.
 */
export type Outcome = 'carry' | 'done' | 'wait';

/** The paths of a request, one character a byte; or the server's word that one of them leads nowhere. */
type Paths =
  | { readonly kind: 'paths'; readonly paths: readonly string[] }
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'failed';
      readonly paths: readonly string[];
      readonly answer: Answer & { kind: 'failed' };
    };

/** A server fails where there is no such file; a direction that was not asked for was not decided. */
const handleErrors = {
  unknown: 'this handle is not that of an open file',
  reading: 'the file was not opened for reading',
  writing: 'the file was not opened for writing',
} as const;

/** Decides what the client asks for, one request at a time, in the order it asked. */
export class ClientRequests {
  readonly #port: FilePort;
  readonly #exchange: Exchange;
  readonly #canonical: CanonicalPaths;
  readonly #facts = new FileFacts();

  constructor(port: FilePort, exchange: Exchange, canonical: CanonicalPaths) {
    this.#port = port;
    this.#exchange = exchange;
    this.#canonical = canonical;
  }

  /**
   * A READ or WRITE: goes with the handle if that was opened for it.
   * @returns the file; undefined where the request is refused and its bytes must be dropped
   */
  transfer(transfer: Transfer, writes: boolean): OpenFile | undefined {
    const { id, handle, offset, length } = transfer;
    this.#exchange.checkId(id);
    const file = this.#exchange.file(handle);
    if (file === undefined || file.opening.directory) {
      this.#refuseHandle(id, 'unknown');
    } else if (writes ? !file.opening.writes : !file.opening.reads) {
      this.#refuseHandle(id, writes ? 'writing' : 'reading');
    } else {
      this.#exchange.begin(id, writes ? { kind: 'write', file } : { kind: 'read', file, offset, length });
      return file;
    }
    return undefined;
  }

  /** @param bytes one packet, whole, that is neither INIT nor READ nor WRITE. Throws SshDataFault. */
  decide(bytes: Buffer): Outcome {
    const type = bytes[lengthBytes]!;
    const id = bytes.readUInt32BE(lengthBytes + 1);
    this.#exchange.checkId(id);
    if (type !== packet.extended && !requestShapes.has(type)) {
      if (type <= packet.version || (type >= packet.status && type <= packet.attrs)) {
        throw new SshDataFault('a packet that no client sends');
      }
      return this.#unknown(id, `type ${type}`, bytes);
    }
    const request = readRequest(bytes);
    if (request.shape === undefined) return this.#unknown(id, request.name, bytes);
    const action = fileActions.get(request.shape.name);
    if (action === undefined) return this.#withHandle(request, bytes);
    if (request.paths.some(path => path.length > maxPathBytes)) {
      this.#exchange.reply(status(id, statusCode.badMessage, 'the path is too long'));
      return this.#drop(bytes, new SallyportError('unsupported', 'a path longer than 4095 bytes'));
    }
    if (request.shape.name === 'fsetstat') return this.#setHandle(request, bytes);
    if (request.shape.name === 'copy-data') return this.#copy(request, bytes);
    return this.#withPaths(request, action, bytes);
  }

  /** What goes with a handle: nothing to decide, but the handle must be one of this channel. */
  #withHandle({ shape, id, handles }: Request, bytes: Buffer): Outcome {
    const handle = handles[0]!;
    const file = this.#exchange.file(handle);
    if (file === undefined) return this.#dropHandle(id, 'unknown', bytes);
    if (shape.name === 'close') this.#exchange.close(handle);
    this.#exchange.begin(
      id,
      shape.name === 'close' ? { kind: 'close', file } : { kind: 'other', reply: shape.reply, moves: false },
    );
    return 'carry';
  }

  #setHandle(request: Request, bytes: Buffer): Outcome {
    const file = this.#exchange.file(request.handles[0]!);
    if (file === undefined) return this.#dropHandle(request.id, 'unknown', bytes);
    const admission = this.#admit(request.id, ['sftp:setstat'], [file.path], bytes);
    if (admission === undefined) return 'done';
    const size = request.attributes?.size;
    if (size !== undefined && size !== file.written.contiguous) {
      file.written.spoil('it was cut or lengthened');
    }
    return this.#perform(
      request,
      admission,
      { path: file.path, attributes: request.attributes ?? {} },
      bytes,
    );
  }

  #copy(request: Request, bytes: Buffer): Outcome {
    const [from, to] = request.handles.map(handle => this.#exchange.file(handle));
    if (from === undefined || to === undefined || from.opening.directory || to.opening.directory) {
      return this.#dropHandle(request.id, 'unknown', bytes);
    }
    if (!from.opening.reads) return this.#dropHandle(request.id, 'reading', bytes);
    if (!to.opening.writes) return this.#dropHandle(request.id, 'writing', bytes);
    const admission = this.#admit(request.id, ['sftp:copy'], [from.path, to.path], bytes);
    if (admission === undefined) return 'done';
    to.written.spoil('parts of it were copied within the target');
    return this.#perform(request, admission, { path: from.path, to: to.path }, bytes);
  }

  #withPaths(request: Request, action: FileAction, bytes: Buffer): Outcome {
    const { shape, id, openFlags, attributes } = request;
    const isLink = shape.name === 'symlink';
    const found = this.#find(isLink ? request.paths.slice(1) : request.paths, action);
    if (found.kind === 'wait') return 'wait';
    this.#canonical.decided();
    const texts = found.paths.map(pathText);
    // What a link says is no path yet: a relative one begins where the link stands.
    if (isLink) texts.push(pathText(linkEnd(request.paths[0]!, found.paths[0]!)));
    const use = openFor(openFlags);
    const actions =
      shape.name === 'open'
        ? [...(use.reads ? ['sftp:read'] : []), ...(use.writes ? ['sftp:write'] : [])]
        : [action.action];
    const admission = this.#admit(id, actions, texts, bytes);
    if (admission === undefined) return 'done';
    // What asks for a path alone does nothing to what is there, and has the target's own answer.
    const asksForPath = shape.name === 'realpath' || shape.name === 'expand-path';
    if (found.kind === 'failed' && !asksForPath) {
      // The target cannot follow the path now. It would refuse the request; if it did not, what it did would
      // not be what was decided.
      const text = found.answer.text.replace(/\p{Cc}/gu, ' ').slice(0, 255);
      this.#exchange.reply(status(id, found.answer.code, text));
      return this.#drop(bytes, new SallyportError('unsupported', 'the target does not find this path'));
    }

    const opens = shape.reply === packet.handle;
    if (opens && !this.#exchange.handleRoom) {
      this.#exchange.reply(status(id, statusCode.failure, 'too many files are open'));
      return this.#drop(bytes, new SallyportError('tooMany', 'too many files are open in one channel'));
    }
    if (action.moves) this.#canonical.forget();
    const path = texts[0];
    const opening: Opening | undefined = opens
      ? shape.name === 'open'
        ? { path: path!, directory: false, ...use, hashed: admission.decision.files === 'hashed' }
        : { path: path!, directory: true, reads: false, writes: false, appends: false, hashed: false }
      : undefined;
    const details = {
      ...(path === undefined ? undefined : { path }),
      ...(isLink ? { to: pathText(request.paths[0]!) } : texts.length > 1 ? { to: texts[1]! } : undefined),
      ...(shape.name === 'open' ? { flags: flagNames(openFlags) } : undefined),
      ...(attributes === undefined || Object.keys(attributes).length === 0 ? undefined : { attributes }),
    };
    const pending: Pending = opening
      ? { kind: 'open', opening }
      : { kind: 'other', reply: shape.reply, moves: action.moves };
    return this.#perform(request, admission, details, bytes, pending);
  }

  #find(paths: readonly string[], action: FileAction): Paths {
    if (!this.#port.pathsMatter || action.paths.length === 0) {
      return { kind: 'paths', paths: paths.map(normalPath) };
    }
    // A name whose meaning is about to change is asked about when it has changed.
    if (this.#exchange.moving) return { kind: 'wait' };
    const found: string[] = [];
    let failed: (Answer & { kind: 'failed' }) | undefined;
    for (const [index, path] of paths.entries()) {
      const resolution = this.#canonical.resolve(path, action.paths[index]!);
      if (resolution.kind === 'ask') {
        this.#ask(resolution.question);
        return { kind: 'wait' };
      }
      if (resolution.kind === 'failed') failed ??= resolution.answer;
      found.push(resolution.kind === 'failed' ? normalPath(resolution.path) : resolution.path);
    }
    return failed ? { kind: 'failed', paths: found, answer: failed } : { kind: 'paths', paths: found };
  }

  #ask(question: Question): void {
    const id = this.#exchange.beginQuestion(question);
    const { kind, path } = question;
    this.#port.ask(
      kind === 'expand'
        ? expandPath(id, path)
        : pathRequest(kind === 'lstat' ? packet.lstat : packet.realpath, id, path),
    );
  }

  /** @returns undefined where it is refused: the client has been told, the bytes are dropped. */
  #admit(
    id: number,
    actions: readonly string[],
    objects: readonly string[],
    bytes: Buffer,
  ): Admission | undefined {
    const verdict = this.#port.admit(commandOf(this.#facts.of(actions, objects), bytes));
    if (!(verdict instanceof SallyportError)) return verdict;
    this.#exchange.reply(status(id, statusCode.permissionDenied, refusalText(verdict)));
    this.#port.dropped(bytes);
    return undefined;
  }

  #perform(
    request: Request,
    admission: Admission,
    details: Omit<FileOperation, 'operation'>,
    bytes: Buffer,
    pending: Pending = { kind: 'other', reply: request.shape.reply, moves: false },
  ): Outcome {
    this.#exchange.begin(request.id, pending);
    this.#port.perform(admission, { operation: request.shape.name, ...details }, bytes);
    return 'done';
  }

  /** What is not understood is not passed on, whatever policy says of it: its meaning could not be decided. */
  #unknown(id: number, name: string, bytes: Buffer): Outcome {
    const facts = this.#facts.of(['sftp:unknown'], [pathText(name)]);
    const verdict = this.#port.admit(commandOf(facts, bytes));
    this.#exchange.reply(status(id, statusCode.unsupported, 'this request is not known to Sallyport'));
    if (verdict instanceof SallyportError) this.#port.dropped(bytes);
    else this.#drop(bytes, new SallyportError('unsupported', `an unknown SFTP request: ${pathText(name)}`));
    return 'done';
  }

  #refuseHandle(id: number, why: keyof typeof handleErrors): void {
    const code = why === 'unknown' ? statusCode.failure : statusCode.permissionDenied;
    this.#exchange.reply(status(id, code, handleErrors[why]));
    this.#port.refused(new SallyportError('denied', handleErrors[why]));
  }

  #dropHandle(id: number, why: keyof typeof handleErrors, bytes: Buffer): Outcome {
    this.#refuseHandle(id, why);
    this.#port.dropped(bytes);
    return 'done';
  }

  #drop(bytes: Buffer, reason: SallyportError): Outcome {
    this.#port.refused(reason);
    this.#port.dropped(bytes);
    return 'done';
  }
}

/** What a link that says `text` points to, as far as that can be said without looking. */
function linkEnd(text: string, link: string): string {
  return normalPath(text.startsWith('/') ? text : joinPath(splitPath(link).parent, text));
}
