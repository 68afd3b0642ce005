import { createServer, isIP, type Server, type Socket } from 'node:net';
import { SallyportError } from '#lib/errors.ts';
import type { Address } from './config.ts';
import { ByteReader } from './net/byte-reader.ts';
import type { Certificate } from './net/certificate.ts';
import { clientConnection } from './net/client-connection.ts';
import { ignoreErrors } from './net/connect.ts';
import { deadlineIn } from './net/deadline.ts';
import { readProxyHeader } from './net/proxy-protocol.ts';
import type { ClientConnection } from './protocols/protocol.ts';

const handshakeMs = 30_000;
const keepAliveMs = 60_000;
const backlog = 1_024;

export interface ListenerOptions {
  readonly address: Address;
  readonly certificate: Certificate;
  /** A PROXY protocol header is required. */
  readonly proxyProtocol: boolean;
  readonly connectionsPerAddress: number;
  /** Takes a connection over. Never rejects. */
  readonly serve: (connection: ClientConnection) => Promise<unknown>;
  /** A connection that came to nothing before a protocol was spoken. */
  readonly onRefused: (reason: SallyportError, address: string) => void;
}

/**
 * One protocol's port: accepts, learns the client's address, holds each address to its number of
 * connections, and gives every handshake its deadline. What one client does delays no other.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #byAddress = new Map<string, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, pauseOnConnect: true },
      socket => void this.#accept(socket),
    );
  }

  /** Resolves when the port is open. @returns the port, where 0 was asked for. */
  listen(): Promise<number> {
    const { host, port } = this.#options.address;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog }, () => {
        this.#server.off('error', reject);
        // An error of one accept (out of file descriptors) is no reason to stop listening.
        this.#server.on('error', fault =>
          this.#options.onRefused(
            new SallyportError('tooMany', 'a connection could not be accepted', { cause: fault }),
            '',
          ),
        );
        resolve((this.#server.address() as { port: number }).port);
      });
    });
  }

  /** Takes no new connections. */
  close(): void {
    this.#server.close();
  }

  async #accept(socket: Socket): Promise<void> {
    ignoreErrors(socket);
    const peer = socket.remoteAddress ?? '';
    using handshake = deadlineIn(handshakeMs);
    const deadline = handshake.signal;
    let release: (() => void) | undefined;
    try {
      const reader = new ByteReader(socket, deadline);
      const stated = this.#options.proxyProtocol ? await readProxyHeader(reader) : peer;
      if (stated === undefined) {
        socket.destroy();
        return;
      }
      const address = normalised(stated);
      release = this.#count(address);
      const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
      await this.#options.serve(
        clientConnection(socket, reader, handshake, this.#options.certificate, {
          address,
          // A header may say what it likes: what came over a network came over a network.
          loopback: isLoopback(normalised(socket.remoteAddress ?? '')) && isLoopback(address),
          via: undefined,
        }),
      );
      if (!socket.destroyed) {
        // A last word is on its way; who does not take it in time is cut off.
        setTimeout(() => socket.destroy(), 2_000).unref();
        await closed;
      }
    } catch (error) {
      const reason =
        error instanceof SallyportError
          ? error
          : new SallyportError('internal', 'an error inside Sallyport', { cause: error });
      this.#options.onRefused(reason, peer);
      socket.destroy();
    } finally {
      release?.();
    }
  }

  #count(address: string): () => void {
    const count = this.#byAddress.get(address) ?? 0;
    if (count >= this.#options.connectionsPerAddress) {
      throw new SallyportError('tooMany', 'too many connections from this address');
    }
    this.#byAddress.set(address, count + 1);
    return () => {
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}

/** IPv4 addresses that come in IPv6 clothes are the same client. */
function normalised(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
