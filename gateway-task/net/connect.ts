import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { SallyportError } from '#lib/errors.ts';

const keepAliveMs = 60_000;

/**
 * What all targets without TLS are read into. A buffer for each read, as streams have it, is memory outside
 * the heap, and every 32 MB of that starts a collection: half of the CPU of a bulk read, when it was measured.
 */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);
/** More at a time was no faster for PostgreSQL. */
const usualReadBytes = 64 * 1024;

/**
 * A TCP connection to a target. Rejects with `targetUnavailable`, or `timeout` at the deadline.
 *
 * @param options `lends`: the bytes of its `data` events are the listener's until it returns, and what it keeps,
 *   it copies; `readBytes`: the most that one of them has, up to 256 KiB
 */
export async function dialTcp(
  host: string,
  port: number,
  deadline: AbortSignal,
  options: { readonly lends: boolean; readonly readBytes?: number },
): Promise<Socket> {
  const socket: Socket = connectTcp({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    ...(options.lends && {
      onread: {
        buffer: readBuffer.subarray(0, options.readBytes ?? usualReadBytes),
        callback: (bytes: number) => {
          socket.emit('data', readBuffer.subarray(0, bytes));
          return true;
        },
      },
    }),
  });
  ignoreErrors(socket);
  await settled(socket, 'connect', deadline, 'cannot be reached');
  return socket;
}

export interface TargetTls {
  readonly mode: 'verify-full' | 'verify-ca';
  /** PEM; undefined: the system's certificate authorities. */
  readonly ca: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly alpn?: readonly string[];
}

/** TLS over an open connection to a target, whose certificate is always verified. */
export async function encryptTarget(
  socket: Socket,
  host: string,
  tls: TargetTls,
  deadline: AbortSignal,
): Promise<TLSSocket> {
  const encrypted = connectTls({
    socket,
    host,
    ...(isIP(host) ? {} : { servername: host }),
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.alpn ? { ALPNProtocols: [...tls.alpn] } : {}),
    checkServerIdentity: (name: string, certificate: PeerCertificate) =>
      tls.mode === 'verify-ca' ? undefined : checkServerIdentity(isIP(host) ? host : name, certificate),
  });
  ignoreErrors(encrypted);
  await settled(encrypted, 'secureConnect', deadline, 'could not be verified by TLS');
  return encrypted;
}

/** An error of a socket is always followed by its close, which is what is waited for; unheard it would end the task. */
export function ignoreErrors(socket: Duplex): void {
  socket.on('error', () => {});
}

/** Waits for an event of a socket; an error, an end or the deadline destroys the socket and rejects. */
async function settled(socket: Socket, event: string, deadline: AbortSignal, failing: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      socket.off(event, onEvent);
      socket.off('error', onError);
      socket.off('close', onClose);
      deadline.removeEventListener('abort', onDeadline);
      settle();
    };
    const fail = (error: SallyportError): void =>
      finish(() => {
        socket.destroy();
        reject(error);
      });
    const onEvent = (): void => finish(resolve);
    const onError = (cause: Error): void =>
      fail(new SallyportError('targetUnavailable', `the target ${failing}`, { cause }));
    const onClose = (): void =>
      fail(new SallyportError('targetUnavailable', 'the target closed the connection'));
    const onDeadline = (): void => fail(new SallyportError('timeout', 'the target did not answer in time'));
    if (deadline.aborted) return onDeadline();
    socket.once(event, onEvent);
    socket.once('error', onError);
    socket.once('close', onClose);
    deadline.addEventListener('abort', onDeadline);
  });
}
