import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import Protocol, { type HostKey } from 'ssh2/lib/protocol/Protocol.js';
import { sendPacket } from 'ssh2/lib/protocol/utils.js';
import type { Sink } from '#gateway/pipeline/legs.ts';
import { SallyportError } from '#lib/errors.ts';
import { algorithms, signatureAlgorithms } from './algorithms.ts';
import { acceptCertificate, certificateAlgorithm, certifiedHostKey } from './host-certificate.ts';
import { disconnect, extInfo, message, unimplemented } from './messages.ts';
import { pad } from './packet-memory.ts';
import { TurnWriter } from './turn-writer.ts';

/** New keys after so many bytes in either direction, or so long: RFC 4253 section 9. */
const rekeyBytes = 1024 ** 3;
const rekeyMs = 60 * 60 * 1_000;
/** A key exchange that is not over by then ends the connection. */
const exchangeMs = 30_000;
/** A peer that asks for new keys without end makes work without end: so many in so long. */
const maxExchanges = 20;
/** After so many bytes nobody has asked too early. */
const earnedBytes = 256 * 1024;
const exchangesMs = 60_000;
/** A peer that sends what is unknown, and reads no answer, is let go. */
const maxUnreadBytes = 1024 * 1024;
/** What may wait for the end of a key exchange: the windows of many channels. */
const maxQueuedBytes = 64 * 1024 * 1024;
/** What a message costs while it waits, besides its bytes. */
const queuedOverhead = 128;
/** What a peer may send ahead before it is asked for: authentication goes step by step. */
const maxInbox = 64;

/** The gateway's own host key, and its certificate where there is one. */
export interface OwnHostKey {
  readonly key: HostKey;
  readonly certificate: Buffer | undefined;
}

/** What a target's host key must be. */
export interface HostTrust {
  /** Kinds of key that can be trusted, as they stand in KEXINIT, the preferred one first. */
  readonly algorithms: readonly string[];
  /**
   * Whether the key (or certificate) is the target's. A certificate that is gives the plain key in it, as a blob.
   */
  verify(blob: Buffer): boolean | { readonly plainKey: Buffer };
}

export type Side =
  | { readonly role: 'server'; readonly hostKeys: readonly OwnHostKey[] }
  | { readonly role: 'client'; readonly trust: HostTrust };

/**
 * The transport layer of SSH (RFC 4253) over one socket: payloads in, payloads out. Key exchange, ciphers and
 * strict key exchange are ssh2's; when new keys are due, how long that may take, and what becomes of messages
 * that nobody knows is decided here.
 *
 * It is a sink for the gate: a write is one message. While the socket is full a write says so, and `drain` comes
 * when it is over. While keys are exchanged, what is written waits here, and nobody is held up for it: an exchange
 * on one leg must not stop the other leg from being read, or two at once would wait for each other. It is not
 * much, as the peer grants no windows meanwhile.
 */
export class Transport extends EventEmitter<{ drain: [] }> implements Sink {
  /** Takes each payload from authentication on; what it keeps, it copies. Unset: {@link receive} has them. */
  onPayload: ((payload: Buffer) => void) | undefined;
  /** Told once, when the connection cannot go on; the socket is still there. */
  onFailure: ((reason: SallyportError) => void) | undefined;
  readonly #socket: Duplex;
  readonly #protocol: Protocol;
  readonly #server: boolean;
  readonly #writer: TurnWriter;
  #framing: { readonly cipher: unknown; readonly block: number; readonly tail: number } | undefined;
  readonly #inbox: Buffer[] = [];
  #wake: (() => void) | undefined;
  #failure: SallyportError | undefined;
  #ready = false;
  #parsing = false;
  /** A write has said no, and nobody has been told since that it is over. */
  #owesDrain = false;
  #bytes = 0;
  /** Waits for the end of a key exchange. */
  #queuedBytes = 0;
  #exchanges: number[] = [];
  #exchangeTimer: NodeJS.Timeout | undefined;
  readonly #rekeyTimer: NodeJS.Timeout;

  constructor(socket: Duplex, side: Side) {
    super();
    this.#socket = socket;
    this.#server = side.role === 'server';
    this.#writer = new TurnWriter(socket);
    this.#protocol = new Protocol({
      server: this.#server,
      ident: 'Sallyport',
      messageHandlers: {
        DISCONNECT: (_self, _reason, description) =>
          this.#fail(new SallyportError('protocolViolation', `disconnected: ${printable(description)}`)),
      },
      onWrite: bytes => {
        this.#bytes += bytes.length;
        this.#writer.write(bytes);
      },
      onError: cause =>
        this.#fail(new SallyportError('protocolViolation', `SSH: ${printable(cause.message)}`, { cause })),
      onHandshakeComplete: () => this.#exchanged(),
      ...this.#sideOf(side),
    });
    this.#protocol._onPayload = this.#transportPayload.bind(this, this.#protocol._onPayload);
    this.#quietExtInfo();
    socket.on('drain', this.#onDrain);
    socket.once('close', () => this.close());
    this.#rekeyTimer = setInterval(() => this.rekey(), rekeyMs).unref();
    this.#limitExchange();
    this.#protocol.start();
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.resume();
  }

  /** The first exchange hash, which signatures are bound to. */
  get sessionId(): Buffer {
    return this.#protocol._kex.sessionID;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Sends one payload. */
  write(payload: Uint8Array): boolean {
    if (this.#failure) return true;
    const { write } = this.#protocol._packetRW;
    const exchanging = this.#protocol._kexinit !== undefined;
    if (exchanging) this.#queuedBytes += payload.length + queuedOverhead;
    if (this.#queuedBytes > maxQueuedBytes) {
      this.#fail(new SallyportError('tooMany', 'too much waits for new keys'));
      return true;
    }
    const own = !exchanging && this.#ready;
    const packet = own ? this.#packet(payload.length) : write.alloc(payload.length);
    // While keys are exchanged what waits is the payload alone.
    packet.set(payload, exchanging ? 0 : write.allocStart);
    sendPacket(this.#protocol, write.finalize(packet));
    // Not while a chunk is read, in which the peer's own wish for new keys may follow.
    if (this.#bytes >= rekeyBytes && !this.#parsing) this.rekey();
    if (this.#writer.blocked) this.#owesDrain = true;
    return !this.#writer.blocked;
  }

  /** What ssh2's `allocPacket` makes, in memory that is used again and without asking for random bytes each time. */
  #packet(payloadBytes: number): Buffer {
    const cipher = this.#protocol._cipher;
    if (this.#framing?.cipher !== cipher) {
      // All ciphers that are offered encrypt behind the length, so that an empty packet is one block and what follows.
      const empty = cipher.allocPacket(0);
      const block = empty.readUInt32BE(0);
      this.#framing = { cipher, block, tail: empty.length - 4 - block };
    }
    const { block, tail } = this.#framing;
    let padding = block - ((1 + payloadBytes) % block);
    if (padding < 4) padding += block;
    const length = 1 + payloadBytes + padding;
    const packet = this.#writer.packet(4 + length + tail);
    packet.writeUInt32BE(length, 0);
    packet[4] = padding;
    pad(packet, 5 + payloadBytes, padding);
    return packet;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** The next payload of a conversation that goes step by step. Rejects when there will be none. */
  async receive(deadline: AbortSignal): Promise<Buffer> {
    const stop = (): void => this.#wake?.();
    deadline.addEventListener('abort', stop);
    try {
      for (;;) {
        const payload = this.#inbox.shift();
        if (payload) return payload;
        if (this.#failure) throw this.#failure;
        if (deadline.aborted) throw new SallyportError('timeout', 'the sign-in took too long');
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    } finally {
      deadline.removeEventListener('abort', stop);
    }
  }

  /** Resolves when the first key exchange is over. */
  async established(deadline: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    deadline.addEventListener('abort', stop);
    try {
      while (!this.#ready) {
        if (this.#failure) throw this.#failure;
        if (deadline.aborted) throw new SallyportError('timeout', 'the key exchange took too long');
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    } finally {
      deadline.removeEventListener('abort', stop);
    }
  }

  /** Hands payloads on from here, those that came early first. */
  handOver(onPayload: (payload: Buffer) => void): void {
    for (const payload of this.#inbox.splice(0)) onPayload(payload);
    this.onPayload = onPayload;
  }

  /** Asks for new keys, unless they are being exchanged. */
  rekey(): void {
    if (this.#failure || !this.#ready || this.#protocol._kexinit !== undefined) return;
    this.#bytes = 0;
    this.#limitExchange();
    this.#protocol.rekey();
  }

  /** Says why, and sends nothing more. The socket is ended. */
  disconnect(reason: number, text: string): void {
    if (!this.#failure && this.#ready && this.#protocol._kexinit === undefined)
      this.write(disconnect(reason, text));
    this.close();
    this.#socket.end();
  }

  /** Takes nothing and sends nothing from now on. Safe to call twice. */
  close(): void {
    this.#failure ??= new SallyportError('protocolViolation', 'the connection was closed');
    clearInterval(this.#rekeyTimer);
    clearInterval(this.#exchangeTimer);
    this.#socket.off('data', this.#onData);
    this.#wake?.();
  }

  #sideOf(side: Side) {
    if (side.role === 'client') {
      const { trust } = side;
      return {
        offer: algorithms(trust.algorithms),
        hostVerifier: (blob: Buffer) => this.#verifyHost(trust, blob),
      };
    }
    const hostKeys: Record<string, HostKey> = {};
    for (const { key, certificate } of side.hostKeys) {
      if (certificate === undefined) continue;
      hostKeys[certificateAlgorithm(key.type)] = certifiedHostKey(
        key,
        certificate,
        () => this.#protocol._kex,
      );
    }
    for (const { key } of side.hostKeys) hostKeys[key.type] = key;
    return { offer: algorithms(Object.keys(hostKeys)), hostKeys };
  }

  #verifyHost(trust: HostTrust, blob: Buffer): boolean {
    // ssh2's buffer is a view of the packet.
    const shown = Buffer.from(blob);
    const verdict = trust.verify(shown);
    if (typeof verdict === 'boolean') return verdict;
    acceptCertificate(this.#protocol._kex, shown, verdict.plainKey);
    return true;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    try {
      // The chunk may be lent, and ssh2 keeps views of the messages of a key exchange.
      const exchanging = !this.#ready || this.#protocol._kexinit !== undefined;
      const bytes = exchanging ? Buffer.from(chunk) : chunk;
      this.#parsing = true;
      this.#protocol.parse(bytes, 0, bytes.length);
      this.#keepPartial(bytes);
      this.#parsing = false;
      if (this.#bytes >= rekeyBytes) this.rekey();
    } catch (cause) {
      this.#fail(
        cause instanceof SallyportError
          ? cause
          : new SallyportError('protocolViolation', 'bytes that are not SSH', { cause }),
      );
    }
  };

  /** A packet that is here but for its MAC is a view of the chunk. */
  #keepPartial(chunk: Buffer): void {
    const decipher = this.#protocol._decipher;
    if (decipher?._packet?.buffer === chunk.buffer) decipher._packet = Buffer.from(decipher._packet);
  }

  readonly #onEnd = (): void => {
    if (!this.onPayload) this.#fail(new SallyportError('protocolViolation', 'the connection was closed'));
  };

  readonly #onDrain = (): void => {
    this.#writer.drained();
    if (!this.#owesDrain) return;
    this.#owesDrain = false;
    this.emit('drain');
  };

  /** Transport messages go to ssh2, as far as they concern it; the others up. */
  #transportPayload(
    ssh2: (payload: Buffer) => undefined | boolean | number,
    payload: Buffer,
  ): undefined | boolean | number {
    if (this.#failure) return undefined;
    const type = payload[0];
    if (type === undefined) throw new SallyportError('protocolViolation', 'an empty SSH message');
    if (type === message.disconnect || type === message.kexInit) {
      if (type === message.kexInit && this.#protocol._kexinit === undefined) this.#peerExchangeBegins();
      return ssh2(Buffer.from(payload));
    }
    if (type === message.ignore || type === message.debug || type === message.unimplemented) return undefined;
    if (type < message.serviceRequest || (type > message.extInfo && type < message.userauthRequest)) {
      if (this.writableLength > maxUnreadBytes)
        throw new SallyportError('tooMany', 'answers are asked for that nobody reads');
      this.write(unimplemented((this.#protocol._decipher!.inSeqno - 1) >>> 0));
      return undefined;
    }
    if (this.onPayload) {
      this.onPayload(payload);
      return undefined;
    }
    if (type === message.extInfo) return undefined;
    if (this.#inbox.length >= maxInbox)
      throw new SallyportError('protocolViolation', 'messages before their time');
    // A copy: it lies in a chunk of the socket's.
    this.#inbox.push(Buffer.from(payload));
    this.#wake?.();
    return undefined;
  }

  #peerExchangeBegins(): void {
    // A client that is told to (RekeyLimit) asks after so much data; that costs it more than it costs us.
    if (this.#bytes >= earnedBytes) {
      this.#limitExchange();
      return;
    }
    const now = Date.now();
    this.#exchanges = [...this.#exchanges.filter(at => now - at < exchangesMs), now];
    if (this.#exchanges.length > maxExchanges) {
      throw new SallyportError('tooMany', 'new keys are asked for too often');
    }
    this.#limitExchange();
  }

  #limitExchange(): void {
    this.#exchangeTimer ??= setInterval(() => {
      // A socket that is not read, since the other leg is full, is not late.
      if (this.#socket.isPaused()) return;
      this.#fail(new SallyportError('timeout', 'the key exchange took too long'));
    }, exchangeMs).unref();
  }

  #exchanged(): void {
    clearInterval(this.#exchangeTimer);
    this.#exchangeTimer = undefined;
    this.#bytes = 0;
    this.#queuedBytes = 0;
    if (!this.#ready) {
      this.#ready = true;
      if (this.#server) this.write(extInfo(signatureAlgorithms));
      this.#wake?.();
    }
  }

  /** ssh2 says which signatures it takes itself; ours are others, and are told in {@link Transport}. */
  #quietExtInfo(): void {
    const protocol = this.#protocol;
    const complete = protocol._onHandshakeComplete;
    protocol._onHandshakeComplete = negotiated => {
      protocol._kex.remoteExtInfoEnabled = false;
      complete(negotiated);
    };
  }

  #fail(reason: SallyportError): void {
    if (this.#failure) return;
    this.#failure = reason;
    clearInterval(this.#rekeyTimer);
    clearInterval(this.#exchangeTimer);
    this.#socket.off('data', this.#onData);
    this.#wake?.();
    this.onFailure?.(reason);
  }
}

function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
