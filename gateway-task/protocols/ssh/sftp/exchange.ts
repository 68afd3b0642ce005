import { SshDataFault } from '#lib/ssh/data-types.ts';
import type { HoldBudget } from './file-digest.ts';
import { OpenFile, type Opening } from './open-file.ts';
import type { FilePort } from './port.ts';
import type { Question } from './resolve.ts';

/** A request that the server has not answered. */
export type Pending =
  | { readonly kind: 'read'; readonly file: OpenFile; readonly offset: number; readonly length: number }
  | { readonly kind: 'write'; readonly file: OpenFile }
  | { readonly kind: 'open'; readonly opening: Opening }
  | { readonly kind: 'close'; readonly file: OpenFile }
  | { readonly kind: 'question'; readonly question: Question }
  | {
      readonly kind: 'other';
      /** The packet type that may answer besides a STATUS. */
      readonly reply: number | undefined;
      /** Until it is answered it is not known what names mean. */
      readonly moves: boolean;
    };

/** Bounds of one channel. */
export interface Limits {
  /** Requests that the server, or the client's end, has not taken yet. Above it the client waits. */
  readonly requests: number;
  readonly handles: number;
  /** Client bytes that wait for an answer. A client that keeps to its window stays below. */
  readonly heldBytes: number;
  /** File pieces that came before their turn. */
  readonly earlyBytes: number;
}

/** OpenSSH's client has 64 requests under way, its server as many handles as it may open files: 1,019 on Debian. */
export const defaultLimits: Limits = {
  requests: 4_096,
  handles: 2_048,
  heldBytes: 8 * 1024 * 1024,
  earlyBytes: 4 * 1024 * 1024,
};

/** What is under way in one channel, and what is open in it. Both directions look at it. */
export class Exchange {
  readonly #port: FilePort;
  readonly #limits: Limits;
  readonly #pending = new Map<number, Pending>();
  readonly #files = new Map<string, OpenFile>();
  readonly #budget: HoldBudget;
  /** Replies of the gateway that wait for the end of a server packet. */
  #replies: Buffer[] = [];
  #openings = 0;
  #moving = 0;
  /** The channel is closed: whatever comes goes nowhere. */
  over = false;
  /** The server is in the middle of a packet. */
  midPacket = false;
  /** What the gateway has asked and was not told yet. */
  question: Question | undefined;

  constructor(port: FilePort, limits: Limits) {
    this.#port = port;
    this.#limits = limits;
    this.#budget = { left: limits.earlyBytes };
  }

  /** Whether one more request can be taken. */
  get room(): boolean {
    return this.#pending.size + this.#replies.length < this.#limits.requests;
  }

  /** Whether one more file can be opened. */
  get handleRoom(): boolean {
    return this.#files.size + this.#openings < this.#limits.handles;
  }

  /** Names may be changing their meaning right now. */
  get moving(): boolean {
    return this.#moving > 0;
  }

  /** An id may not be used again before it is answered: two answers could not be told apart. */
  checkId(id: number): void {
    if (this.#pending.has(id)) throw new SshDataFault('a request id that is in use');
  }

  begin(id: number, pending: Pending): void {
    this.#pending.set(id, pending);
    if (pending.kind === 'read' || pending.kind === 'write') pending.file.underWay += 1;
    else if (pending.kind === 'open') this.#openings += 1;
    else if (pending.kind === 'other' && pending.moves) this.#moving += 1;
  }

  /** The request that a reply answers. */
  end(id: number): Pending {
    const pending = this.#pending.get(id);
    if (pending === undefined) throw new SshDataFault('an answer to nothing');
    this.#pending.delete(id);
    if (pending.kind === 'read' || pending.kind === 'write') pending.file.underWay -= 1;
    else if (pending.kind === 'open') this.#openings -= 1;
    else if (pending.kind === 'other' && pending.moves) this.#moving -= 1;
    else if (pending.kind === 'close') this.#writeDown(pending.file);
    else if (pending.kind === 'question') this.question = undefined;
    return pending;
  }

  /** Begins a question under an id that no request of the client has. The client waits for its answer. */
  beginQuestion(question: Question): number {
    let id = 0xffffffff;
    while (this.#pending.has(id)) id -= 1;
    this.question = question;
    this.begin(id, { kind: 'question', question });
    return id;
  }

  /** Whether the gateway asked under this id. */
  isQuestion(id: number): boolean {
    return this.#pending.get(id)?.kind === 'question';
  }

  /** @param handle as the server named it */
  open(handle: string, opening: Opening): void {
    if (this.#files.has(handle)) throw new SshDataFault('a handle that is in use');
    this.#files.set(handle, new OpenFile(opening, this.#budget));
  }

  file(handle: string): OpenFile | undefined {
    return this.#files.get(handle);
  }

  /** Nothing more may be asked of the handle. What went through it is written down when the server has answered. */
  close(handle: string): void {
    this.#files.delete(handle);
  }

  /** Tells the client something, but never in the middle of a packet of the server. */
  reply(bytes: Buffer): void {
    if (this.midPacket) this.#replies.push(bytes);
    else this.#port.answer(bytes);
  }

  /** The client has something to be told. */
  get replyWaits(): boolean {
    return this.#replies.length > 0;
  }

  /** Tells the client what waited. Between two packets of the server. */
  sendReplies(): void {
    if (this.#replies.length === 0) return;
    const replies = this.#replies;
    this.#replies = [];
    for (const bytes of replies) if (!this.over) this.#port.answer(bytes);
  }

  /** Writes down what is still open. Repeating it does nothing. */
  finish(): void {
    this.over = true;
    for (const file of this.#files.values()) this.#writeDown(file);
    for (const pending of this.#pending.values()) {
      if (pending.kind === 'close') this.#writeDown(pending.file);
    }
    this.#files.clear();
    this.#pending.clear();
  }

  #writeDown(file: OpenFile): void {
    for (const record of file.records()) this.#port.file(record);
  }
}
