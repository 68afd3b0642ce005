/**
 * A PostgreSQL client by hand, for what no stock client does: it says exactly what a test wants said, and
 * hands out messages one by one. https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { client as messages } from '../../unit/postgres/bytes.ts';
import type { Login } from './login.ts';

export interface Message {
  /** One letter. */
  readonly type: string;
  readonly body: Buffer;
}

export type Encryption =
  | { readonly kind: 'none' }
  /** SSLRequest first. */
  | { readonly kind: 'request'; readonly ca: Buffer }
  /** TLS from the first byte. */
  | { readonly kind: 'direct'; readonly ca: Buffer; readonly alpn: readonly string[] };

const text = (value: string) => Buffer.from(`${value}\0`);

export function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value, 4 * index);
  return bytes;
}

/** A packet without a letter: length, code, the rest. */
export function opening(code: number, ...parts: readonly Buffer[]): Buffer {
  const rest = Buffer.concat(parts);
  return Buffer.concat([int32(8 + rest.length, code), rest]);
}

export const sslRequest = opening(80877103);
export const gssEncryptionRequest = opening(80877104);
export const cancelRequest = (processId: number, secretKey: Buffer) =>
  opening(80877102, int32(processId), secretKey);

export function startup(parameters: Readonly<Record<string, string>>, minor = 0): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]);
  return opening((3 << 16) | minor, ...pairs, Buffer.alloc(1));
}

export const saslInitialResponse = (mechanism: string, data: string) => {
  const body = Buffer.concat([text(mechanism), int32(Buffer.byteLength(data)), Buffer.from(data)]);
  return Buffer.concat([Buffer.from('p'), int32(4 + body.length), body]);
};

/** Fields of an ErrorResponse or NoticeResponse, by their letters. */
export function errorFields({ body }: Message): Readonly<Record<string, string>> {
  const parts = body.toString('utf8').split('\0').filter(Boolean);
  return Object.fromEntries(parts.map(part => [part.slice(0, 1), part.slice(1)]));
}

/** Columns of a DataRow as text; a NULL is undefined. */
export function columnsOf({ body }: Message): (string | undefined)[] {
  const columns: (string | undefined)[] = [];
  let offset = 2;
  for (let index = body.readInt16BE(0); index > 0; index -= 1) {
    const length = body.readInt32BE(offset);
    offset += 4;
    columns.push(length < 0 ? undefined : body.toString('utf8', offset, offset + length));
    offset += Math.max(length, 0);
  }
  return columns;
}

export class WireClient {
  readonly socket: Socket;
  /** Set by `signIn`. */
  key: { readonly processId: number; readonly secretKey: Buffer } | undefined;
  parameters: ReadonlyMap<string, string> = new Map();
  #held: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      this.#wake?.();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async connect(
    { host, port }: Pick<Login, 'host' | 'port'>,
    encryption: Encryption = { kind: 'none' },
  ): Promise<WireClient> {
    const socket = connectTcp({ host, port, noDelay: true });
    await once(socket, 'connect');
    if (encryption.kind === 'none') return new WireClient(socket);
    if (encryption.kind === 'request') {
      socket.write(sslRequest);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      if (answer.toString() !== 'S') throw new Error(`SSLRequest was answered with ${answer}`);
    }
    return new WireClient(await startTls(socket, encryption));
  }

  /** Signs in by password and reads up to ReadyForQuery. Throws what the server says instead, by SQLSTATE. */
  static async signIn(
    login: Login,
    options: {
      readonly encryption?: Encryption;
      readonly minor?: number;
      readonly parameters?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<WireClient> {
    const wire = await WireClient.connect(login, options.encryption);
    const { user, database, password } = login;
    wire.send(startup({ user, database, ...options.parameters }, options.minor));
    await wire.expect('R');
    wire.send(messages.password(password));
    await wire.ready();
    return wire;
  }

  /** After the credential: AuthenticationOk to ReadyForQuery. */
  async ready(): Promise<void> {
    const parameters = new Map<string, string>();
    for (const { type, body } of await this.until('Z')) {
      if (type === 'S') {
        const [name = '', value = ''] = body.toString('utf8').split('\0');
        parameters.set(name, value);
      } else if (type === 'K') {
        this.key = { processId: body.readInt32BE(0), secretKey: body.subarray(4) };
      } else if (type === 'E') {
        throw new WireError(errorFields({ type, body }));
      }
    }
    this.parameters = parameters;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  }

  /** The next message; undefined at the end of the connection. */
  async next(withinMs = 30_000): Promise<Message | undefined> {
    const deadline = Date.now() + withinMs;
    while (this.#held.length < 5 || this.#held.length < 1 + this.#held.readInt32BE(1)) {
      if (this.#closed) return undefined;
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`no message within ${withinMs} ms; ${this.#held.length} bytes are there`);
      await this.#more(left);
    }
    const end = 1 + this.#held.readInt32BE(1);
    const message = { type: String.fromCharCode(this.#held[0]!), body: this.#held.subarray(5, end) };
    this.#held = this.#held.subarray(end);
    return message;
  }

  /** The next message, which must be of this type. */
  async expect(type: string): Promise<Message> {
    const message = await this.next();
    if (message?.type === type) return message;
    if (message?.type === 'E') throw new WireError(errorFields(message));
    throw new Error(`expected ${type}, and there came ${message?.type ?? 'the end'}`);
  }

  /** Messages up to and with the first of this type; less, where the connection ends before. */
  async until(type: string, withinMs = 30_000): Promise<Message[]> {
    const list: Message[] = [];
    for (;;) {
      const message = await this.next(withinMs);
      if (!message) return list;
      list.push(message);
      if (message.type === type) return list;
    }
  }

  async query(sql: string): Promise<Message[]> {
    this.send(messages.query(sql));
    return this.until('Z');
  }

  /** Resolves when the other side has closed. */
  async closed(withinMs = 10_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!this.#closed) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`not closed within ${withinMs} ms`);
      await this.#more(left);
    }
  }

  end(): void {
    this.socket.destroy();
  }

  async #more(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>(resolve => {
      this.#wake = resolve;
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
  }
}

/** An ErrorResponse where none was expected. */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** SQLSTATE */
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;

  constructor(fields: Readonly<Record<string, string>>) {
    super(`${fields['C']}: ${fields['M']}`);
    this.code = fields['C'] ?? '';
    this.fields = fields;
  }
}

async function startTls(
  socket: Socket,
  encryption: Exclude<Encryption, { kind: 'none' }>,
): Promise<TLSSocket> {
  const encrypted = connectTls({
    socket,
    ca: encryption.ca,
    servername: 'localhost',
    ...(encryption.kind === 'direct' ? { ALPNProtocols: [...encryption.alpn] } : {}),
  });
  encrypted.on('error', () => {});
  await Promise.race([
    once(encrypted, 'secureConnect'),
    once(encrypted, 'close').then(() => Promise.reject(new Error('the TLS handshake failed'))),
  ]);
  return encrypted;
}

export { messages };
