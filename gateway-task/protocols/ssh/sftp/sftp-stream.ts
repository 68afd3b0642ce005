import { SallyportError } from '#lib/errors.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { CanonicalPaths } from './canonical.ts';
import { ClientRequests } from './client-requests.ts';
import { ClientStream } from './client-stream.ts';
import { defaultLimits, Exchange, type Limits } from './exchange.ts';
import type { FilePort, FileStream } from './port.ts';
import { ServerStream } from './server-stream.ts';

export interface SftpOptions {
  /** Milliseconds, from any moment on. */
  readonly now?: () => number;
  /** How long a directory's canonical path is remembered; 0: each is asked for each time. See `CanonicalPaths`. */
  readonly rememberMs?: number;
  readonly limits?: Partial<Limits>;
}

/**
 * Stands in a channel between an SFTP client and an sftp-server, version 3 with OpenSSH's extensions. Every
 * request is decided before a byte of it goes to the target, and goes as it came: what is decided is what is
 * forwarded. Requests keep their order. Nothing is made for a packet that passes but an entry that it is
 * under way.
 *
 * Where policies look at paths the server is asked for canonical ones first, links resolved
 * ({@link CanonicalPaths} says what can still change in between). A client that has asked for something waits
 * in the meantime, and so does what it sent behind it.
 *
 * Bytes that are no SFTP end the channel through `port.fail` with `protocolViolation`; errors that the port
 * throws pass through.
 */
export class SftpStream implements FileStream {
  readonly #port: FilePort;
  readonly #exchange: Exchange;
  readonly #client: ClientStream;
  readonly #server: ServerStream;

  constructor(port: FilePort, options: SftpOptions = {}) {
    const { now = () => performance.now(), rememberMs = 1_000 } = options;
    const limits = { ...defaultLimits, ...options.limits };
    const canonical = new CanonicalPaths(now, rememberMs);
    this.#port = port;
    this.#exchange = new Exchange(port, limits);
    const requests = new ClientRequests(port, this.#exchange, canonical);
    this.#client = new ClientStream(port, this.#exchange, requests, limits.heldBytes);
    this.#server = new ServerStream(port, this.#exchange, canonical, this.#client);
  }

  fromClient(chunk: Buffer): void {
    if (this.#exchange.over) return;
    try {
      this.#client.take(chunk);
    } catch (fault) {
      this.#fail(fault, 'the client');
    }
  }

  fromServer(chunk: Buffer): void {
    if (this.#exchange.over) return;
    try {
      this.#server.take(chunk);
    } catch (fault) {
      this.#fail(fault, 'the target or the client');
    }
  }

  clientEnd(): void {
    if (!this.#exchange.over) this.#client.end();
  }

  serverEnd(): void {
    this.#client.abandon();
    this.#exchange.finish();
  }

  #fail(fault: unknown, whose: string): void {
    if (!(fault instanceof SshDataFault)) throw fault;
    this.serverEnd();
    this.#port.fail(
      new SallyportError('protocolViolation', `${whose} sent what is no SFTP: ${fault.message}`),
    );
  }
}
