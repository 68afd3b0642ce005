import type { Admission, Verdict } from '#gateway/pipeline/gate.ts';
import type { Command } from '#lib/command.ts';
import type { SallyportError } from '#lib/errors.ts';
import type { Attributes } from './wire/attributes.ts';

/** What the recording says of a command besides what every command has. JSON; absent: has none. */
export interface FileOperation {
  /** As the protocol calls it: `open`, `posix-rename`, `mkdir`. */
  readonly operation: string;
  /** Canonical where the gateway asked for it, else as the client wrote it, without `.` and `..`. */
  readonly path?: string;
  /** Where it is if not at `path`: it cannot be told which of the two (scp). */
  readonly orPath?: string;
  /** The other path of a rename, a hard link or a copy; what a symbolic link says. */
  readonly to?: string;
  /** Of an open: `read`, `write`, `append`, `create`, `truncate`, `exclusive`. */
  readonly flags?: readonly string[];
  readonly attributes?: Attributes;
  /** Bytes that the client says a file has (scp). */
  readonly size?: number;
}

/**
 * What went through one open file in one direction. `sha256` (hex) is that of its first `bytes` bytes, from
 * the start and without a gap; where there is no such digest, `why` says so in words.
 */
export interface FileRecord {
  readonly path: string;
  /** Where it is if not at `path` (scp). */
  readonly orPath?: string;
  /** `read`: from the target. */
  readonly direction: 'read' | 'write';
  readonly bytes: number;
  readonly sha256: string | null;
  readonly why?: string;
}

/**
 * What a file protocol in a channel needs of the gateway. Every byte of either side passes exactly one of its
 * methods, in the order it came. Buffers are borrowed: a method that keeps one past its return must know that
 * the caller's chunk lives as long. A method may end the stream (`serverEnd`) before it returns, as `answer` does
 * where there is no room for more answers; nothing else may be called back.
 *
 * Client bytes go to {@link toTarget}, {@link perform} or {@link dropped}; server bytes go to {@link toClient}
 * or {@link swallowed}. {@link ask} and {@link answer} add bytes that neither side has sent.
 */
export interface FilePort {
  /** Policies look at paths: ask the server for canonical ones. Read before each request. */
  readonly pathsMatter: boolean;
  /** Decides, and writes a refusal down. */
  admit(command: Command): Verdict;
  /** Client bytes that need no decision of their own, verbatim, behind all that was sent before. */
  toTarget(bytes: Buffer): void;
  /**
   * Writes an admitted command down and sends its bytes, verbatim, behind all that was sent before.
   * @returns the command record's sequence number
   */
  perform(admission: Admission, details: FileOperation, bytes: Buffer): number;
  /** Within what passes next, in one direction or the other: a file's data that the recording does not keep. */
  withhold(bytes: Buffer): void;
  /** Bytes of the gateway's own for the target, in their place: at most one question is open at a time. */
  ask(bytes: Buffer): void;
  /** Client bytes that go no further: recorded, and their window is given back. */
  dropped(bytes: Buffer): void;
  /** Server bytes, verbatim. */
  toClient(bytes: Buffer): void;
  /** Bytes of the gateway's own for the client, in their place. */
  answer(bytes: Buffer): void;
  /** So many server bytes went no further: they answered {@link ask}. Their window is given back. */
  swallowed(bytes: number): void;
  /** A file's bytes have all passed. */
  file(record: FileRecord): void;
  /** A refusal that is no policy's: recorded; the client has been told. */
  refused(reason: SallyportError): void;
  /** The client has sent its last byte, and all that came before has gone where it goes. */
  clientDone(): void;
  /** The channel must be closed. Nothing passes any more, and what was open has been written down. */
  fail(reason: SallyportError): void;
}

/** What stands in an SSH channel between a client and a file server. */
export interface FileStream {
  fromClient(chunk: Buffer): void;
  fromServer(chunk: Buffer): void;
  /** The client has sent its last byte (EOF). */
  clientEnd(): void;
  /** The channel is closed, from whichever side: what is open is written down. Repeating it does nothing. */
  serverEnd(): void;
}
