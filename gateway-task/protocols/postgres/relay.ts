import type { Duplex } from 'node:stream';
import { Hold } from '#gateway/net/hold.ts';
import type { Gate } from '#gateway/pipeline/gate.ts';
import type { ClientConnection, Relay } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import type { SqlReader } from '#lib/sql/cache.ts';
import { type CancelIdentity, cancelKey, newCancelIdentity } from './cancel.ts';
import { ClientMessages } from './client-messages.ts';
import { ClientStream } from './client-stream.ts';
import { Conversation } from './conversation.ts';
import type { PostgresLeg } from './dial.ts';
import type { PostgresHello } from './greet.ts';
import { Questions } from './questions.ts';
import { errorFrame } from './refusal.ts';
import { ServerStream } from './server-stream.ts';
import { authentication, backendKeyData, message } from './wire/build.ts';

/** How long a peer may take to read a last word before its socket is destroyed. */
const lingerMs = 2_000;

/** Runs a session: both legs are open and signed in, the client waits for AuthenticationOk. */
export class PostgresRelay implements Relay {
  readonly done: Promise<SallyportError | undefined>;
  readonly cancelKey: string;
  readonly #client: ClientConnection['socket'];
  readonly #leg: PostgresLeg;
  readonly #gate: Gate;
  readonly #conversation: Conversation;
  readonly #clientStream: ClientStream;
  readonly #serverStream: ServerStream;
  readonly #clientHold: Hold;
  readonly #targetHold: Hold;
  #draining: SallyportError | undefined;
  #ended: SallyportError | undefined;
  #stopping: Promise<void> = Promise.resolve();

  constructor(
    connection: ClientConnection,
    hello: PostgresHello,
    leg: PostgresLeg,
    gate: Gate,
    sql: Pick<SqlReader, 'read'>,
    now?: () => number,
  ) {
    this.#client = connection.socket;
    this.#leg = leg;
    this.#gate = gate;
    this.#conversation = new Conversation(leg.parameters, now);
    const questions = new Questions(this.#conversation, gate, () => this.#guard(() => this.#resume()));
    const messages = new ClientMessages(this.#conversation, gate, sql, questions);
    this.#clientStream = new ClientStream(this.#conversation, gate, messages, held =>
      this.#clientHold.set(held),
    );
    this.#serverStream = new ServerStream(this.#conversation, gate, questions);
    this.#clientHold = new Hold(this.#client);
    this.#targetHold = new Hold(leg.socket);
    gate.join({
      client: this.#client,
      target: leg.socket,
      targetFrames: false,
      targetLends: leg.lends,
      // Node.js encrypts at once, or copies what it cannot.
      clientTakes: connection.encrypted,
      holdClient: held => this.#clientHold.set(held),
      holdTarget: held => this.#targetHold.set(held),
      fail: reason => this.end(reason),
    });
    this.done = this.#closed();
    const key = newCancelIdentity(hello.minor);
    this.cancelKey = cancelKey(key.processId, key.secretKey);
    this.#start(connection, key);
  }

  drain(reason: SallyportError): void {
    this.#draining = reason;
    this.#endIfIdle();
  }

  end(reason: SallyportError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#gate.recordError(reason);
    // In the middle of a message a word of ours would be read as its rest.
    if (!this.#serverStream.midMessage) this.#client.write(errorFrame(reason, 'FATAL'));
    this.#client.end();
    this.#stop();
    setTimeout(() => this.#client.destroy(), lingerMs).unref();
  }

  /**
   * What runs at the target stops, and what waits there behind it does not begin: the server meets the reset
   * when it wants to answer for the one, before it reads the next.
   */
  #stop(): void {
    if (this.#conversation.quiet) {
      this.#leg.socket.destroy();
      return;
    }
    this.#leg.reset();
    this.#stopping = this.#leg
      .cancel()
      .catch(cause =>
        this.#gate.recordError(
          new SallyportError('targetUnavailable', 'what ran at the target could not be cancelled', { cause }),
        ),
      );
  }

  cancel(): Promise<void> {
    return this.#leg.cancel();
  }

  #start(connection: ClientConnection, key: CancelIdentity): void {
    const welcome = (secretKey: Buffer): Buffer =>
      Buffer.concat([
        authentication.ok(),
        this.#leg.greeting,
        backendKeyData(key.processId, secretKey),
        message('Z', Buffer.from('I')),
      ]);
    this.#gate.reply(welcome(key.secretKey), welcome(Buffer.alloc(key.secretKey.length)));
    connection.reader.detach();
    this.#client.on('data', (chunk: Buffer) => this.#guard(() => this.#clientStream.take(chunk)));
    this.#leg.socket.on('data', (chunk: Buffer) =>
      this.#guard(() => {
        this.#serverStream.take(chunk);
        this.#clientStream.heard();
        if (this.#draining) this.#endIfIdle();
      }),
    );
    this.#client.resume();
    this.#leg.socket.resume();
  }

  #resume(): void {
    this.#clientStream.resume();
  }

  /** Runs a step of either direction; what it throws ends this session and no other. */
  #guard(step: () => void): void {
    if (this.#ended) return;
    try {
      step();
    } catch (error) {
      this.end(
        error instanceof SallyportError
          ? error
          : new SallyportError('internal', 'an error inside Sallyport', { cause: error }),
      );
    }
  }

  /** A session that is told to go goes between statements, outside a transaction. */
  #endIfIdle(): void {
    const idle = this.#conversation.quiet && this.#conversation.status === 'I' && !this.#clientStream.busy;
    if (idle && this.#draining) this.end(this.#draining);
  }

  /** Each leg's end is passed on to the other once what came before it has been. */
  async #closed(): Promise<SallyportError | undefined> {
    const { socket: target } = this.#leg;
    const client = this.#client;
    await new Promise<void>(resolve => {
      let open = 2;
      const closed = (other: typeof client) => () => {
        open -= 1;
        if (!other.destroyed) {
          other.end();
          setTimeout(() => other.destroy(), lingerMs).unref();
        }
        if (open === 0) resolve();
      };
      onceClosed(client, closed(target));
      onceClosed(target, closed(client));
      client.once('end', () => this.#gate.afterForwarding(() => target.end()));
      target.once('end', () => client.end());
    });
    await this.#stopping;
    return this.#ended;
  }
}

/** A socket that closed while the session was being opened says so no more. */
function onceClosed(socket: Duplex, then: () => void): void {
  if (socket.closed) queueMicrotask(then);
  else socket.once('close', then);
}
