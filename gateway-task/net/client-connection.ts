import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ClientConnection } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { ByteReader } from './byte-reader.ts';
import type { Certificate } from './certificate.ts';
import { ignoreErrors } from './connect.ts';
import type { Deadline } from './deadline.ts';

/** A client's leg as protocols take it, over a socket or over a stream within another connection. */
export function clientConnection(
  socket: Duplex,
  reader: ByteReader,
  handshake: Deadline,
  certificate: Certificate,
  origin: Pick<ClientConnection, 'address' | 'loopback' | 'via'>,
): ClientConnection {
  const deadline = handshake.signal;
  return {
    ...origin,
    socket,
    reader,
    encrypted: false,
    deadline,
    waitFor: milliseconds => handshake.extend(milliseconds),
    async encrypt(alpn, alpnRequired) {
      this.reader.detach();
      const encrypted = await acceptTls(socket, certificate, alpn, deadline);
      if (alpnRequired && !encrypted.alpnProtocol) {
        encrypted.destroy();
        throw new SallyportError('protocolViolation', 'direct TLS without ALPN');
      }
      this.socket = encrypted;
      this.reader = new ByteReader(encrypted, deadline);
      this.encrypted = true;
    },
  };
}

async function acceptTls(
  socket: Duplex,
  certificate: Certificate,
  alpn: readonly string[],
  deadline: AbortSignal,
): Promise<TLSSocket> {
  const encrypted = new TLSSocket(socket, {
    isServer: true,
    secureContext: certificate.context,
    ALPNProtocols: [...alpn],
  });
  ignoreErrors(encrypted);
  const over = new AbortController();
  const stop = (): void => over.abort();
  deadline.addEventListener('abort', stop);
  // Who leaves in the middle of the handshake closes the socket, and no error is told.
  encrypted.once('close', stop);
  try {
    await once(encrypted, 'secure', { signal: over.signal });
  } catch (cause) {
    encrypted.destroy();
    throw deadline.aborted
      ? new SallyportError('timeout', 'the handshake took too long')
      : new SallyportError('protocolViolation', 'the TLS handshake failed', { cause });
  } finally {
    deadline.removeEventListener('abort', stop);
    encrypted.off('close', stop);
  }
  return encrypted;
}
