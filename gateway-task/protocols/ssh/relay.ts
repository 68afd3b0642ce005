import type { Duplex } from 'node:stream';
import { Hold } from '#gateway/net/hold.ts';
import type { Gate } from '#gateway/pipeline/gate.ts';
import type { ClientConnection, InnerConnections, Relay } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { ChannelData, type Interpreters } from './channel-data.ts';
import { ClientMessages } from './client-messages.ts';
import { ConnectionLayer } from './connection-layer.ts';
import type { SshLeg } from './dial.ts';
import { disconnectReasonOf, words } from './refusal.ts';
import { SessionRequests } from './session-requests.ts';
import { TargetMessages } from './target-messages.ts';
import { signal, userauthBanner, userauthSuccess } from './wire/messages.ts';
import type { Transport } from './wire/transport.ts';

/** How long a peer may take to read a last word before its socket is destroyed. */
const lingerMs = 2_000;
/** The target is sent a last word, and not waited for. */
const stopMs = 500;
/** Who asks and does not read the answers is not read either from here on. */
const maxAnswerBytes = 1024 * 1024;

/** Stops reading from a leg while too much that was said to it waits. */
class UnreadAnswers {
  readonly #socket: Duplex;
  readonly #hold: Hold;
  #held = false;

  constructor(socket: Duplex, hold: Hold) {
    this.#socket = socket;
    this.#hold = hold;
  }

  check(): void {
    if (this.#held || this.#socket.writableLength < maxAnswerBytes) return;
    this.#held = true;
    this.#hold.set(true);
    this.#socket.once('drain', () => {
      this.#held = false;
      this.#hold.set(false);
    });
  }
}

/** Runs a session: both legs are signed in, the client waits for USERAUTH_SUCCESS. */
export class SshRelay implements Relay {
  readonly done: Promise<SallyportError | undefined>;
  /** An SSH client cancels by a signal in the session itself. */
  readonly cancelKey = undefined;
  readonly #client: Duplex;
  readonly #clientTransport: Transport;
  readonly #leg: SshLeg;
  readonly #gate: Gate;
  readonly #layer: ConnectionLayer;
  readonly #clientMessages: ClientMessages;
  readonly #targetMessages: TargetMessages;
  readonly #interpreters: Interpreters = { files: new Map(), keyboards: new Map() };
  readonly #clientHold: Hold;
  readonly #targetHold: Hold;
  readonly #clientAnswers: UnreadAnswers;
  readonly #targetAnswers: UnreadAnswers;
  #draining: SallyportError | undefined;
  #ended: SallyportError | undefined;

  constructor(
    connection: ClientConnection,
    transport: Transport,
    leg: SshLeg,
    gate: Gate,
    inner: InnerConnections,
  ) {
    this.#client = connection.socket;
    this.#clientTransport = transport;
    this.#leg = leg;
    this.#gate = gate;
    this.#layer = new ConnectionLayer(gate);
    const data = new ChannelData(this.#layer, this.#interpreters);
    this.#clientMessages = new ClientMessages(
      this.#layer,
      data,
      new SessionRequests(this.#layer, this.#interpreters),
      inner,
    );
    this.#targetMessages = new TargetMessages(this.#layer, data);
    this.#clientHold = new Hold(this.#client);
    this.#targetHold = new Hold(leg.socket);
    this.#clientAnswers = new UnreadAnswers(this.#client, this.#clientHold);
    this.#targetAnswers = new UnreadAnswers(leg.socket, this.#targetHold);
    this.#layer.channels.onRemoved = channel => {
      this.#interpreters.keyboards.get(channel)?.end();
      this.#interpreters.keyboards.delete(channel);
      this.#interpreters.files.delete(channel);
      if (this.#draining) this.#endIfIdle();
    };
    gate.join({
      client: transport,
      target: leg.transport,
      targetFrames: true,
      // What is read is lent, and copied into the packet for the other leg as it is written.
      targetLends: false,
      clientTakes: true,
      holdClient: held => this.#clientHold.set(held),
      holdTarget: held => this.#targetHold.set(held),
      fail: reason => this.end(reason),
    });
    this.done = this.#closed();
    this.#start();
  }

  drain(reason: SallyportError): void {
    this.#draining = reason;
    this.#layer.leaving = true;
    this.#endIfIdle();
  }

  end(reason: SallyportError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#gate.recordError(reason);
    try {
      for (const channel of this.#layer.channels) this.#layer.say(channel, reason);
    } catch {
      // The journal takes nothing any more, which is the reason.
    }
    this.#closeFiles();
    this.#clientTransport.disconnect(disconnectReasonOf(reason), words(reason));
    this.#stop();
    setTimeout(() => this.#client.destroy(), lingerMs).unref();
  }

  /**
   * What runs at the target stops: a terminal hangs up with the connection, but a program without one goes on.
   * Not every sshd passes the signal on; what waits to be sent is not sent any more.
   */
  #stop(): void {
    const { transport, socket } = this.#leg;
    for (const { targetId, started, refused, closed } of this.#layer.channels) {
      if (targetId === undefined || !started || refused || closed.byTarget) continue;
      transport.write(signal(targetId, 'KILL'));
    }
    transport.close();
    socket.end();
    setTimeout(() => socket.destroy(), stopMs).unref();
  }

  /** There is nothing that another connection could ask to be cancelled. */
  async cancel(): Promise<void> {}

  #start(): void {
    const { transport: target, banner } = this.#leg;
    if (banner !== '') this.#clientTransport.write(userauthBanner(harmless(banner)));
    this.#clientTransport.write(userauthSuccess());
    this.#clientTransport.onFailure = reason => this.#broken(reason, this.#client);
    target.onFailure = reason => this.#broken(reason, this.#leg.socket);
    this.#clientTransport.handOver(payload => this.#guard(() => this.#fromClient(payload)));
    target.handOver(payload => this.#guard(() => this.#fromTarget(payload)));
    this.#client.resume();
    this.#leg.socket.resume();
  }

  #fromClient(payload: Buffer): void {
    this.#clientMessages.take(payload);
    this.#clientAnswers.check();
  }

  #fromTarget(payload: Buffer): void {
    this.#targetMessages.take(payload);
    this.#targetAnswers.check();
  }

  /** Runs a step of either direction; what it throws ends this session and no other. */
  #guard(step: () => void): void {
    if (this.#ended) return;
    try {
      step();
    } catch (error) {
      this.end(coded(error));
    }
  }

  /** A leg has ended by itself, in good order or not. */
  #broken(reason: SallyportError, socket: Duplex): void {
    const farewell = reason.message.startsWith('disconnected') || socket.destroyed;
    if (farewell) part(socket);
    else this.end(reason);
  }

  #endIfIdle(): void {
    if (this.#draining && this.#layer.channels.size === 0) this.end(this.#draining);
  }

  #closeFiles(): void {
    for (const channel of this.#layer.channels) {
      try {
        channel.files?.serverEnd();
        channel.inner?.destroy();
        this.#interpreters.keyboards.get(channel)?.end();
      } catch (error) {
        if (!(error instanceof SallyportError)) throw error;
      }
    }
  }

  /** Each leg's end is passed on to the other once what came before it has been. */
  async #closed(): Promise<SallyportError | undefined> {
    const { socket: target } = this.#leg;
    const client = this.#client;
    await new Promise<void>(resolve => {
      let open = 2;
      const closed = (other: Duplex) => () => {
        open -= 1;
        part(other);
        if (open === 0) resolve();
      };
      onceClosed(client, closed(target));
      onceClosed(target, closed(client));
      client.once('end', () => this.#gate.afterForwarding(() => part(target)));
      target.once('end', () => part(client));
    });
    if (!this.#ended) this.#closeFiles();
    return this.#ended;
  }
}

/** Ends a leg; a peer that does not end its side is not waited for: SSH says nothing over half a connection. */
function part(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function coded(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  if (error instanceof SshDataFault) {
    return new SallyportError('protocolViolation', `SSH: ${error.message}`, { cause: error });
  }
  return new SallyportError('internal', 'an error inside Sallyport', { cause: error });
}

/** The target's words, without what a terminal would obey. */
function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '?');
}

/** A socket that closed while the session was being opened says so no more. */
function onceClosed(socket: Duplex, then: () => void): void {
  if (socket.closed) queueMicrotask(then);
  else socket.once('close', then);
}
