import type { Admission } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { commandOf, FileFacts } from '#lib/ssh/file-facts.ts';
import type { ScpLegacy } from '#lib/ssh/shell/transfer-line.ts';
import { FileDigest } from '../sftp/file-digest.ts';
import { pathText } from '../sftp/paths.ts';
import type { FileOperation, FilePort, FileStream } from '../sftp/port.ts';
import { refusalText } from '../sftp/refusal.ts';
import { ScpPlaces } from './places.ts';
import { isPlainName, type ScpRecord } from './records.ts';
import { Waiting } from './waiting.ts';

/** A file or directory that was announced. */
export type Entry = Extract<ScpRecord, { readonly name: string }>;

/** A file whose bytes pass. */
export interface Passing {
  readonly places: Places;
  readonly digest: FileDigest;
  /** Policy wants the digest of what passes, and not what passes. */
  readonly hashed: boolean;
}

type Places = Pick<FileOperation, 'orPath'> & { readonly path: string };

export interface Admitted {
  readonly admission: Admission;
  readonly details: FileOperation & Places;
  /** As `ScpPlaces` gave them. */
  readonly places: readonly string[];
}

/** What a line that the gateway writes to either side begins with: 1, and the name that people know. */
const warning = (text: string): Buffer => Buffer.from(`\x01scp: ${text}\n`);

/**
 * What both directions of the old scp protocol share: whose turn it is, the files that pass, the end.
 *
 * Each file and directory is decided by the path that the command and the names make, as the client wrote it:
 * in this protocol the target cannot be asked what a path means, so **links are not resolved**. Where policies
 * tell paths apart, let them refuse `scp -t` and `scp -f`; clients of today use SFTP.
 */
export abstract class ScpStream implements FileStream {
  protected readonly port: FilePort;
  protected readonly places: ScpPlaces;
  protected passing: Passing | undefined;
  readonly #direction: ScpLegacy['direction'];
  readonly #facts = new FileFacts();
  readonly #client = new Waiting(bytes => this.walkClient(bytes));
  readonly #server = new Waiting(bytes => this.walkServer(bytes));
  #clientEnded: 'no' | 'waits' | 'yes' = 'no';
  /** The channel is closed: whatever comes goes nowhere. */
  protected over = false;

  constructor(port: FilePort, command: ScpLegacy) {
    this.port = port;
    this.places = new ScpPlaces(command);
    this.#direction = command.direction;
  }

  /** Reads what it is the client's turn to say. @returns how many bytes that was */
  protected abstract walkClient(bytes: Buffer): number;
  protected abstract walkServer(bytes: Buffer): number;
  /** What has come of something of the client that is not whole. Nothing keeps it then. */
  protected abstract clientRest(): Buffer;

  fromClient(chunk: Buffer): void {
    this.#guard(() => this.#client.take(chunk));
  }

  fromServer(chunk: Buffer): void {
    this.#guard(() => this.#server.take(chunk));
  }

  clientEnd(): void {
    if (this.#clientEnded !== 'no') return;
    this.#clientEnded = 'waits';
    this.#guard(() => {});
  }

  serverEnd(): void {
    if (!this.over) {
      for (const bytes of [this.clientRest(), this.#client.rest()]) {
        if (bytes.length > 0) this.port.dropped(bytes);
      }
    }
    this.over = true;
    this.finishFile('the transfer ended early');
  }

  /**
   * Decides an entry. Where it is refused the client has been told, in the words of scp.
   * @param line that announces it
   */
  protected decide(entry: Entry, line: Buffer): Admitted | undefined {
    const text = pathText(entry.name);
    if (!isPlainName(entry.name)) {
      const reason = new SallyportError('denied', `unexpected filename "${text}"`);
      this.port.answer(warning(refusalText(reason)));
      this.port.refused(reason);
      return undefined;
    }
    const places = this.places.of(entry.name);
    const texts = places.map(pathText);
    const [operation, action] = this.#operation(entry.kind);
    const facts = this.#facts.of(
      [texts.length > 0 ? action : 'sftp:unknown'],
      texts.length > 0 ? texts : [text],
    );
    const verdict = this.port.admit(commandOf(facts, line));
    if (verdict instanceof SallyportError) {
      this.port.answer(warning(`${text}: ${refusalText(verdict)}`.replace(/\p{Cc}/gu, ' ')));
      return undefined;
    }
    const details = {
      operation,
      path: texts[0] ?? text,
      ...(texts[1] === undefined ? undefined : { orPath: texts[1] }),
      ...(entry.kind === 'file' ? { size: entry.size } : undefined),
      attributes: { mode: entry.mode },
    };
    return { admission: verdict, details, places };
  }

  protected beginFile({ path, orPath }: Places, hashed: boolean): void {
    const places = orPath === undefined ? { path } : { path, orPath };
    this.passing = { places, hashed, digest: new FileDigest({ left: 0 }) };
  }

  protected pass(bytes: Buffer): void {
    const { digest, hashed } = this.passing!;
    digest.add(digest.bytes, bytes);
    if (hashed) this.port.withhold(bytes);
  }

  /** @param why there is no digest, if there is none */
  protected finishFile(why: string | undefined): void {
    if (this.passing === undefined) return;
    const { places, digest } = this.passing;
    this.passing = undefined;
    if (why !== undefined) digest.spoil(why);
    const direction = this.#direction === 'to' ? 'write' : 'read';
    this.port.file({ ...places, direction, bytes: digest.bytes, ...digest.end() });
  }

  #operation(kind: Entry['kind']): [operation: string, action: string] {
    if (this.#direction === 'to') {
      return kind === 'file' ? ['write', 'sftp:write'] : ['mkdir', 'sftp:mkdir'];
    }
    return kind === 'file' ? ['read', 'sftp:read'] : ['list', 'sftp:list'];
  }

  /** Does something, and then what it has become each side's turn to do. */
  #guard(act: () => void): void {
    if (this.over) return;
    try {
      act();
      for (let more = true; more; ) {
        const server = this.#server.run();
        more = this.#client.run() || server;
      }
      if (this.over || this.#clientEnded !== 'waits' || !this.#client.isEmpty) return;
      this.#clientEnded = 'yes';
      const rest = this.clientRest();
      if (rest.length > 0) this.port.dropped(rest);
      this.port.clientDone();
    } catch (fault) {
      if (!(fault instanceof SshDataFault)) throw fault;
      this.serverEnd();
      this.port.fail(new SallyportError('protocolViolation', `not the protocol of scp: ${fault.message}`));
    }
  }
}

/** What the target is told of a file that the client does not get: it sends the next one. */
export const skip = warning('refused');
