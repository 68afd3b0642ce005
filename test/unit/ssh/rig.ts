import { EventEmitter } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { Metrics } from '#gateway/metrics.ts';
import { Gate } from '#gateway/pipeline/gate.ts';
import type { Sink } from '#gateway/pipeline/legs.ts';
import type { ClientConnection } from '#gateway/protocols/protocol.ts';
import type { SshLeg } from '#gateway/protocols/ssh/dial.ts';
import { SshRelay } from '#gateway/protocols/ssh/relay.ts';
import type { Transport } from '#gateway/protocols/ssh/wire/transport.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import type { CommandFacts } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Decision } from '#lib/policy/decision.ts';
import type { PolicyEngine } from '#lib/policy/engine.ts';
import { say, words } from './bytes.ts';

/** What a session wrote down, in order; bytes with the number of their stream, else -1. */
export type Entry = readonly [kind: string, content: string, stream: number];

export interface RigOptions {
  readonly durable?: (then: (failure?: SallyportError) => void) => void;
  /** While it fails, nothing that is recorded is durable. */
  readonly disk?: { failing: boolean };
  /** While it is on, nobody should be read. */
  readonly spool?: { full: boolean };
  /** Serves connections to shop:5432, which is a target of the gateway's. */
  readonly serve?: (socket: Duplex) => void;
  /** What the target says to whoever signs in. */
  readonly banner?: string;
}

/**
 * A relay between two ends that a test holds, with a policy that refuses whatever has FORBIDDEN in it, agent and
 * X11 forwarding, and what is unknown. Payloads go in and come out as they are: no keys, no ciphers.
 */
export interface Rig {
  readonly relay: SshRelay;
  readonly gate: Gate;
  readonly entries: Entry[];
  readonly client: End;
  readonly target: End;
  /** How the session ended; undefined: it has not, `closed`: by itself. */
  readonly ended: () => SallyportError | 'closed' | undefined;
  /** Lets everything that is on its way arrive. */
  settle(): Promise<void>;
}

/** One end as a test holds it. */
export class End extends EventEmitter<{ drain: [] }> implements Sink {
  /** What the gateway has sent it. */
  received: Buffer[] = [];
  /** Set: the gateway has disconnected, and why. */
  disconnected: { readonly reason: number; readonly text: string } | undefined;
  onFailure: ((reason: SallyportError) => void) | undefined;
  closed = false;
  /** Takes no more: writes say so. */
  full = false;
  readonly writableLength = 0;
  /** When the gateway ends its side of the socket. */
  endsToo = true;
  /** The socket below, the gateway's side and the peer's. */
  readonly socket: Duplex;
  readonly peer: Duplex;
  #take: ((payload: Buffer) => void) | undefined;
  readonly #queue: Buffer[] = [];

  constructor() {
    super();
    [this.socket, this.peer] = duplexPair();
    this.peer.resume();
    this.peer.on('end', () => this.endsToo && this.peer.end());
    this.socket.on('error', () => {});
    this.peer.on('error', () => {});
  }

  /** Says something to the gateway, as far as it reads. */
  say(...payloads: Buffer[]): void {
    this.#queue.push(...payloads.map(payload => Buffer.from(payload)));
    this.flush();
  }

  flush(): void {
    while (!this.closed && this.#take && !this.socket.isPaused()) {
      const payload = this.#queue.shift();
      if (payload === undefined) return;
      this.#take(payload);
    }
  }

  /** What was said and not read. */
  get unread(): number {
    return this.#queue.length;
  }

  /** What the gateway has sent it since this was last asked, in words. */
  heard(): string[] {
    return this.received.splice(0).map(words);
  }

  write(payload: Buffer): boolean {
    if (!this.closed) this.received.push(Buffer.from(payload));
    return !this.full;
  }

  cork(): void {}

  uncork(): void {}

  handOver(take: (payload: Buffer) => void): void {
    this.#take = take;
  }

  disconnect(reason: number, text: string): void {
    this.disconnected ??= { reason, text };
    this.close();
    this.socket.end();
  }

  close(): void {
    this.closed = true;
  }
}

/** One for all of them: it watches the event loop, and nobody tells it to stop. */
const metrics = new Metrics(
  () => [],
  () => 0,
);

export function startRig(options: RigOptions = {}): Rig {
  const entries: Entry[] = [];
  const client = new End();
  const target = new End();
  const gate = new Gate(
    fakeRecorder(entries, options),
    { use: () => {}, decide: facts => decisionOf(facts) },
    { expired: () => false, engine: undefined as unknown as PolicyEngine },
    metrics,
  );
  const connection = { socket: client.socket } as unknown as ClientConnection;
  const leg: SshLeg = {
    socket: target.socket,
    transport: target as unknown as Transport,
    banner: options.banner ?? '',
  };
  const { serve } = options;
  const inner = {
    targetAt: (host: string) =>
      host === 'shop' || host === 'elsewhere'
        ? { name: host, served: serve !== undefined && host === 'shop' }
        : undefined,
    serve: (_target: string, socket: Duplex) => serve?.(socket),
  };
  const relay = new SshRelay(connection, client as unknown as Transport, leg, gate, inner);
  let ended: SallyportError | 'closed' | undefined;
  void relay.done.then(reason => {
    ended = reason ?? 'closed';
  });
  return {
    relay,
    gate,
    entries,
    client,
    target,
    ended: () => ended,
    async settle() {
      for (let turn = 0; turn < 12; turn += 1) {
        client.flush();
        target.flush();
        await new Promise(resolve => setImmediate(resolve));
      }
    },
  };
}

const decisions = new Map<string, Decision>();

function decisionOf(facts: CommandFacts | undefined): Decision {
  const refused = facts?.operations.some(
    ({ action, objects }) =>
      ['ssh:agent', 'ssh:x11', 'ssh:unknown'].includes(action) ||
      objects.some(name => name.includes('FORBIDDEN')),
  );
  const effect = refused ? 'deny' : 'allow';
  const found = decisions.get(effect);
  if (found) return found;
  const decision: Decision = {
    effect,
    policies: [effect],
    message: effect === 'deny' ? 'not here' : '',
    durability: 'local',
    version: 'sha256:0',
    inputDigest: '0',
  };
  decisions.set(effect, decision);
  return decision;
}

function fakeRecorder(entries: Entry[], options: RigOptions): SessionRecorder {
  let sequence = 0;
  const note = (kind: string, content: string, stream = -1): number => {
    const last = entries.at(-1);
    // Bytes are one stream, however they were cut.
    if (last && last[0] === kind && last[2] === stream && kind.endsWith('bytes'))
      entries[entries.length - 1] = [kind, last[1] + content, stream];
    else entries.push([kind, content, stream]);
    sequence += 1;
    return sequence;
  };
  const text = (chunk: Uint8Array) => Buffer.from(chunk).toString('latin1');
  return {
    clientBytes: (chunk, stream) => void (chunk.length > 0 && note('client bytes', text(chunk), stream)),
    serverBytes: (chunk, stream) => void note('server bytes', text(chunk), stream),
    command: json => note('command', json),
    decision: json => note('decision', json),
    error: json => void note('error', json),
    note: (type, json) => void note(type, json),
    end: json => void note('end', json),
    whenDurable:
      options.durable ??
      (then =>
        setImmediate(
          then,
          options.disk?.failing ? new SallyportError('evidenceUnavailable', 'full') : undefined,
        )),
    get pressure() {
      return (options.disk?.failing || options.spool?.full) ?? false;
    },
    get failing() {
      return options.disk?.failing ?? false;
    },
    onRelief: then => {
      if (!options.disk?.failing && !options.spool?.full) then();
    },
  };
}

/** A session channel that both ends have opened: the client calls it 10, the target 20, the gateway 0. */
export async function openSession(rig: Rig): Promise<void> {
  rig.client.say(say.open('session', 10));
  await rig.settle();
  rig.target.say(say.confirm(0, 20));
  await rig.settle();
  rig.client.heard();
  rig.target.heard();
}

/** JSON of the entries of one kind. */
export function recorded(rig: Rig, kind: string): Record<string, unknown>[] {
  return rig.entries.filter(([found]) => found === kind).map(([, content]) => JSON.parse(content));
}

/** The bytes that went one way in one stream, as the recording has them. */
export function recordedBytes(rig: Rig, kind: 'client bytes' | 'server bytes', stream: number): string {
  return rig.entries
    .filter(entry => entry[0] === kind && entry[2] === stream)
    .map(([, content]) => content)
    .join('');
}
