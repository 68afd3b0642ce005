import { deadlineIn } from '#gateway/net/deadline.ts';
import { ByteReader } from './net/byte-reader.ts';
import type { Certificate } from './net/certificate.ts';
import { clientConnection } from './net/client-connection.ts';
import { ignoreErrors } from './net/connect.ts';
import type { PolicySource } from './policy-source.ts';
import type { ProtocolName } from './protocols/names.ts';
import type { InnerConnections, Protocol } from './protocols/protocol.ts';
import { type Serving, serve } from './session.ts';

const handshakeMs = 30_000;

/** A last word is on its way; who does not take it in time is cut off. */
const lingerMs = 2_000;

export interface InnerParts {
  readonly policy: Pick<PolicySource, 'snapshot'>;
  /** Those that have a listener: what a task does not serve it does not serve from within either. */
  // biome-ignore lint/suspicious/noExplicitAny: what a protocol remembers of a greeting is its own affair.
  readonly protocols: ReadonlyMap<ProtocolName, Protocol<any, any, any>>;
  readonly certificate: Certificate;
  serving(): Serving;
}

/**
 * Connections that clients open within their sessions and that lead to targets of the gateway's own: they are
 * served like those that come in from outside, signed in to, decided and recorded as sessions of their own.
 */
export function innerConnections(parts: InnerParts, sessionId: string, address: string): InnerConnections {
  const protocolOf = (name: string) => {
    const target = parts.policy.snapshot.targets[name];
    return target && parts.protocols.get(target.protocol);
  };
  return {
    targetAt(written, port) {
      const { targets } = parts.policy.snapshot;
      // As the host's resolver would take it.
      const host = written.toLowerCase().replace(/\.$/, '');
      const found = Object.hasOwn(targets, host)
        ? host
        : Object.keys(targets).find(name => targets[name]!.host === host && targets[name]!.port === port);
      return found === undefined ? undefined : { name: found, served: protocolOf(found) !== undefined };
    },
    serve(target, socket) {
      const protocol = protocolOf(target);
      if (!protocol) {
        socket.destroy();
        return;
      }
      ignoreErrors(socket);
      const handshake = deadlineIn(handshakeMs);
      const reader = new ByteReader(socket, handshake.signal);
      // What it comes through is encrypted, and ends here.
      const origin = { address, loopback: true, via: sessionId };
      void serve(
        parts.serving(),
        protocol,
        clientConnection(socket, reader, handshake, parts.certificate, origin),
      ).finally(() => {
        handshake[Symbol.dispose]();
        setTimeout(() => socket.destroy(), lingerMs).unref();
      });
    },
  };
}
