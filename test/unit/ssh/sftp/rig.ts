import type { Admission, Verdict } from '#gateway/pipeline/gate.ts';
import type { FileOperation, FilePort, FileRecord, FileStream } from '#gateway/protocols/ssh/sftp/port.ts';
import type { Command } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';

/** What a stream did, in order. */
export type Entry =
  | readonly ['admit', string]
  | readonly ['perform', FileOperation]
  | readonly ['ask', string]
  | readonly ['file', FileRecord]
  | readonly ['refused', string]
  | readonly ['clientDone']
  | readonly ['fail', string];

export interface RigOptions {
  readonly pathsMatter?: boolean;
  /** Refuses what it says of an action and an object. */
  readonly refuses?: (action: string, object: string) => boolean;
  /** What policy says of files that it permits. */
  readonly files?: 'hashed';
}

/** The gateway's part of a channel, played by a test: it keeps what passes and decides by a function. */
export class Rig implements FilePort {
  pathsMatter: boolean;
  readonly #refuses: (action: string, object: string) => boolean;
  readonly #files: 'hashed' | undefined;
  readonly entries: Entry[] = [];
  readonly #toTarget: Buffer[] = [];
  readonly #toClient: Buffer[] = [];
  readonly #dropped: Buffer[] = [];
  readonly commands: Command[] = [];
  /** Only what the client sent and the target got. */
  readonly #carried: Buffer[] = [];
  swallowedBytes = 0;
  readonly withheld: Buffer[] = [];
  /** How many answers there is room for, and what becomes of the next one. */
  answers = Number.POSITIVE_INFINITY;
  full: () => void = () => {};

  constructor({ pathsMatter = true, refuses = () => false, files }: RigOptions = {}) {
    this.pathsMatter = pathsMatter;
    this.#files = files;
    this.#refuses = refuses;
  }

  admit(command: Command): Verdict {
    this.commands.push(command);
    const asked = command.facts.operations.flatMap(({ action, objects }) =>
      (objects.length === 0 ? [''] : objects).map(object => [action, object] as const),
    );
    this.entries.push(['admit', asked.map(pair => pair.join(' ').trim()).join('; ')]);
    if (asked.some(([action, object]) => this.#refuses(action, object))) {
      return new SallyportError('denied', `${command.facts.verb} refused: no`, { hint: 'Ask.' });
    }
    return { command, decision: { files: this.#files } } as unknown as Admission;
  }

  toTarget(bytes: Buffer): void {
    this.#toTarget.push(Buffer.from(bytes));
    this.#carried.push(Buffer.from(bytes));
  }

  perform(_admission: Admission, details: FileOperation, bytes: Buffer): number {
    this.entries.push(['perform', details]);
    this.toTarget(bytes);
    return this.entries.length;
  }

  ask(bytes: Buffer): void {
    this.entries.push(['ask', bytes.subarray(13).toString('latin1')]);
    this.#toTarget.push(Buffer.from(bytes));
  }

  dropped(bytes: Buffer): void {
    this.#dropped.push(Buffer.from(bytes));
  }

  toClient(bytes: Buffer): void {
    this.#toClient.push(Buffer.from(bytes));
  }

  answer(bytes: Buffer): void {
    if (this.answers === 0) this.full();
    else this.#toClient.push(Buffer.from(bytes));
    this.answers -= 1;
  }

  withhold(bytes: Buffer): void {
    this.withheld.push(Buffer.from(bytes));
  }

  swallowed(bytes: number): void {
    this.swallowedBytes += bytes;
  }

  file(record: FileRecord): void {
    this.entries.push(['file', record]);
  }

  refused(reason: SallyportError): void {
    this.entries.push(['refused', reason.code]);
  }

  clientDone(): void {
    this.entries.push(['clientDone']);
  }

  fail(reason: SallyportError): void {
    this.entries.push(['fail', reason.code]);
  }

  /** What went to the target since this was asked last. */
  sent(): Buffer {
    return Buffer.concat(this.#toTarget.splice(0));
  }

  /** What went to the client since this was asked last. */
  received(): Buffer {
    return Buffer.concat(this.#toClient.splice(0));
  }

  /** All that the client sent and the target got. */
  carried(): Buffer {
    return Buffer.concat(this.#carried);
  }

  /** All that the client sent and nobody got. */
  dropOut(): Buffer {
    return Buffer.concat(this.#dropped);
  }

  /** The entries of one kind. */
  of<K extends Entry[0]>(kind: K): Extract<Entry, readonly [K, ...unknown[]]>[1][] {
    return this.entries.filter(entry => entry[0] === kind).map(entry => entry[1]) as never;
  }
}

/** Cuts bytes into pieces. */
export type Split = (bytes: Buffer) => Iterable<Buffer>;

export const whole: Split = bytes => [bytes];

/** Brings what the stream sends to a server and its answers back, until both are silent. @returns what the client got */
export function converse(
  rig: Rig,
  stream: FileStream,
  server: { take(chunk: Buffer): Buffer },
  split: Split = whole,
): Buffer {
  const got: Buffer[] = [];
  for (;;) {
    const sent = rig.sent();
    got.push(rig.received());
    if (sent.length === 0) return Buffer.concat(got);
    const answers: Buffer[] = [];
    for (const piece of split(sent)) answers.push(server.take(piece));
    for (const piece of split(Buffer.concat(answers))) stream.fromServer(piece);
  }
}
