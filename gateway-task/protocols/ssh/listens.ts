import { SallyportError } from '#lib/errors.ts';
import { listenCommand } from '#lib/ssh/commands.ts';
import type { SshReader } from '#lib/ssh/data-types.ts';
import type { ConnectionLayer } from './connection-layer.ts';
import { type Destination, destinationText, unclear } from './forwards.ts';
import { message, requestFailure } from './wire/messages.ts';

/** Places to listen at that a session may have: those of the longest command line that somebody has written. */
const maxListens = 256;

/** Listening at the target, RFC 4254 section 7.1: global requests of a client. */
export class Listens {
  readonly #layer: ConnectionLayer;
  /** Records of those at any port, until the target has said at which. */
  readonly #unnumbered = new Set<number>();

  constructor(layer: ConnectionLayer) {
    this.#layer = layer;
  }

  /** @returns false: it is none of these requests */
  take(name: string, wantReply: boolean, reader: SshReader, payload: Buffer): boolean {
    switch (name) {
      case 'tcpip-forward':
      case 'cancel-tcpip-forward': {
        const host = reader.text();
        const port = reader.u32();
        reader.end();
        return this.#listen({ kind: 'tcp', host, port }, name, wantReply, payload);
      }
      case 'streamlocal-forward@openssh.com':
      case 'cancel-streamlocal-forward@openssh.com': {
        const path = reader.text();
        reader.end();
        return this.#listen({ kind: 'unix', path }, name, wantReply, payload);
      }
      default:
        return false;
    }
  }

  #listen(at: Destination, request: string, wantReply: boolean, payload: Buffer): true {
    const { gate, clientReplies, listens } = this.#layer;
    const cancel = request.startsWith('cancel');
    /** Behind the type, and the name with its length. */
    const wantReplyAt = 1 + 4 + request.length;
    const address = destinationText(at);
    const listening = cancel ? listens.get(address) : undefined;
    if (listening !== undefined) {
      listens.delete(address);
      gate.complete(listening, { exit: {} });
      this.#layer.toTarget(payload);
      if (wantReply) clientReplies.expect();
      return true;
    }
    const verdict = cancel ? undefined : this.#admit(at, address);
    if (verdict === undefined || verdict instanceof SallyportError) {
      if (wantReply) clientReplies.answer(() => this.#layer.toClient(requestFailure()));
      return true;
    }
    // Whether it listens, and at which port, has to be known whatever the client wants to know.
    payload[wantReplyAt] = 1;
    const record = gate.perform(payload, verdict, { kind: 'listen', address });
    const learn = (answer: Buffer): void => this.#answered(at, record, answer);
    if (anyPort(at)) this.#unnumbered.add(record);
    else listens.set(address, record);
    if (wantReply) clientReplies.expect(learn);
    else clientReplies.swallow(learn);
    return true;
  }

  #admit(at: Destination, address: string) {
    const { gate, listens } = this.#layer;
    const full = listens.size + this.#unnumbered.size >= maxListens;
    const own = full
      ? new SallyportError('tooMany', 'the session listens at too many places')
      : listens.has(address)
        ? new SallyportError('denied', 'the session listens there already')
        : unclear(at);
    return gate.admit(listenCommand(address), { kind: 'listen', address }, own);
  }

  /** The target listens, at a port of its choice where any was asked for, or does not. */
  #answered(at: Destination, record: number, answer: Buffer): void {
    const { gate, listens } = this.#layer;
    const address = destinationText(at);
    if (answer[0] === message.requestFailure) {
      gate.complete(record, { exit: { why: 'refused by the target' } });
      // Cancelled meanwhile, and asked for again.
      if (listens.get(address) === record) listens.delete(address);
    } else if (anyPort(at) && answer.length >= 5) {
      listens.set(destinationText({ ...at, port: answer.readUInt32BE(1) }), record);
    }
    this.#unnumbered.delete(record);
  }
}

/** RFC 4254 section 7.1: the target chooses, and says which in its answer. */
const anyPort = (at: Destination): at is Destination & { kind: 'tcp' } => at.kind === 'tcp' && at.port === 0;
