import { type Duplex, duplexPair } from 'node:stream';
import { Metrics } from '#gateway/metrics.ts';
import { ByteReader } from '#gateway/net/byte-reader.ts';
import { Gate } from '#gateway/pipeline/gate.ts';
import type { PostgresLeg } from '#gateway/protocols/postgres/dial.ts';
import { PostgresRelay } from '#gateway/protocols/postgres/relay.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import type { CommandFacts } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Decision } from '#lib/policy/decision.ts';
import type { PolicyEngine } from '#lib/policy/engine.ts';
import type { SqlReader } from '#lib/sql/cache.ts';
import type { ReadingContext, SqlFacts } from '#lib/sql/facts.ts';
import { client as fromClient, server as fromServer } from './bytes.ts';

/** What a session wrote down, in order. */
export type Entry = readonly [kind: string, content: string];

/** A relay between two ends that a test holds, with a policy that refuses FORBIDDEN, unknown code and the schema `archive`. */
export interface Rig {
  /** What the test sends as the client, and reads as it. */
  readonly client: Duplex;
  /** The same for the server. */
  readonly server: Duplex;
  readonly relay: PostgresRelay;
  readonly entries: Entry[];
  readonly toClient: () => Buffer;
  readonly toServer: () => Buffer;
  /** How often the gateway has asked for the search path. */
  readonly questions: () => number;
  /** Lets everything that is on its way arrive. */
  settle(): Promise<void>;
}

export interface RigOptions {
  readonly durable?: (then: (failure?: SallyportError) => void) => void;
  readonly serverVersion?: string;
  /** The server answers COPY by itself. */
  readonly copies?: boolean;
  /** What asking the target to stop what runs comes to. */
  readonly cancel?: () => Promise<void>;
  /** While it fails, nothing that is recorded is durable, and no relief comes. */
  readonly disk?: { failing: boolean };
  /** The journal takes no errors any more. */
  readonly errorsFail?: boolean;
  /** Reads texts as the product does, for a server that has `state`. */
  readonly sql?: SqlReader;
  readonly state?: ServerState;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** What the server says when the gateway asks; it may change while a test runs. */
export interface ServerState {
  /** `current_schemas(true)`. */
  schemas: string[];
  /** `search_path`. */
  path: string;
  /** Functions of one argument. */
  functions: string[];
  /** Texts of prepared statements and cursors, by their names. */
  texts: Record<string, string>;
}

export function serverState(changes: Partial<ServerState> = {}): ServerState {
  return {
    schemas: ['pg_catalog', 'public'],
    path: '"$user", public',
    functions: ['wipe'],
    texts: {},
    ...changes,
  };
}

/** One for all of them: it watches the event loop, and nobody tells it to stop. */
const metrics = new Metrics(
  () => [],
  () => 0,
);

export function startRig(options: RigOptions = {}): Rig {
  const [client, gatewayClient] = duplexPair();
  const [server, gatewayServer] = duplexPair();
  takesMemoryBack(gatewayServer);
  const entries: Entry[] = [];
  const received = { client: [] as Buffer[], server: [] as Buffer[] };
  let questions = 0;
  const state = options.state ?? serverState();
  client.on('data', (chunk: Buffer) => received.client.push(chunk));
  server.on('data', (chunk: Buffer) => {
    if (chunk.includes('current_schemas')) {
      questions += 1;
      server.write(answer(chunk, JSON.stringify([state.schemas, state.path])));
      return;
    }
    if (chunk.includes('pg_catalog.pg_proc')) {
      server.write(answer(chunk, Buffer.from(JSON.stringify(state.functions)).toString('base64')));
      return;
    }
    const asked = options.sql && /statement FROM .* '([^']*)'::/.exec(chunk.toString('latin1'))?.[1];
    if (asked !== undefined) {
      server.write(answer(chunk, state.texts[asked]));
      return;
    }
    received.server.push(chunk);
    if (!options.copies) return;
    if (chunk.includes('FROM STDIN')) server.write(fromServer.copyIn());
    if (chunk.includes(fromClient.copyDone())) {
      server.write(Buffer.concat([fromServer.commandComplete('COPY 1'), fromServer.ready('I')]));
    }
  });
  client.on('error', () => {});
  server.on('error', () => {});

  const gate = new Gate(
    fakeRecorder(entries, options),
    { use: () => {}, decide: facts => decisionOf(facts, options.sql !== undefined) },
    { expired: () => false, engine: undefined as unknown as PolicyEngine },
    metrics,
  );
  const connection = {
    socket: gatewayClient,
    reader: new ByteReader(gatewayClient, AbortSignal.timeout(60_000)),
    address: '127.0.0.1',
    loopback: true,
    encrypted: false,
    deadline: AbortSignal.timeout(60_000),
    via: undefined,
    waitFor: () => {},
    encrypt: () => Promise.reject(new Error('no TLS here')),
  };
  const leg = {
    socket: gatewayServer,
    lends: true,
    processId: 1,
    secretKey: Buffer.alloc(4),
    parameters: new Map([
      ['server_version', options.serverVersion ?? '15.4'],
      ['standard_conforming_strings', 'on'],
      ['client_encoding', 'UTF8'],
    ]),
    greeting: Buffer.alloc(0),
    cancel: options.cancel ?? (() => Promise.resolve()),
    reset: () => gatewayServer.destroy(),
  } as unknown as PostgresLeg;
  const hello = { minor: 0, parameters: new Map<string, string>() };
  const byWords = {
    read: (text: Uint8Array, context: ReadingContext) =>
      factsOf(Buffer.from(text).toString(), context.searchPath),
  };
  const relay = new PostgresRelay(connection, hello, leg, gate, options.sql ?? byWords, options.now);
  return {
    client,
    server,
    relay,
    entries,
    toClient: () => Buffer.concat(received.client),
    toServer: () => Buffer.concat(received.server),
    questions: () => questions,
    async settle() {
      for (let turn = 0; turn < 12; turn += 1) await new Promise(resolve => setImmediate(resolve));
    },
  };
}

/** Like a socket that reads into the same memory again: what its listeners keep without a copy is spoilt. */
function takesMemoryBack(socket: Duplex): void {
  const emit = socket.emit.bind(socket) as (event: string, ...values: unknown[]) => boolean;
  socket.emit = (event: string, ...values: unknown[]) => {
    if (event !== 'data') return emit(event, ...values);
    const lent = Buffer.from(values[0] as Buffer);
    const heard = emit(event, lent);
    lent.fill(0xff);
    return heard;
  };
}

/**
 * What a server says when the gateway asks it something; the mark of the question comes back with the value.
 * Without a value there is no row.
 */
export function answer(question: Buffer, value: string | undefined): Buffer {
  const mark = /SELECT '([0-9a-f]{24})'/.exec(question.toString('latin1'))?.[1] ?? 'no mark';
  return Buffer.concat([
    fromServer.closeComplete(),
    fromServer.parseComplete(),
    fromServer.bindComplete(),
    ...(value === undefined ? [] : [fromServer.dataRow(mark, value)]),
    fromServer.commandComplete('SELECT 1'),
    fromServer.closeComplete(),
    fromServer.closeComplete(),
    fromServer.ready('I'),
  ]);
}

const known = new Map<string, SqlFacts>();

/**
 * The first word is the verb; `TOUCHES` says that settings may change, `DEALLOCATES x` that x is no more,
 * `ATTRIBUTE x` that x stands in column notation. The server has one function, wipe.
 */
function factsOf(text: string, path: readonly string[] | undefined): SqlFacts {
  const key = `${path === undefined} ${text}`;
  const found = known.get(key);
  if (found) return found;
  const verb = text.includes('FORBIDDEN') ? 'FORBIDDEN' : (text.split(' ')[0] ?? '');
  const facts: SqlFacts = {
    command: {
      protocol: 'postgres',
      verb,
      operations: [{ action: 'postgres:select', objects: path === undefined ? ['?.t'] : ['public.t'] }],
      functions: [],
      risk: { writes: false, ddl: false, noWhere: false, statements: 1, opaque: false, unknownCode: false },
    },
    effects: {
      settings: text.includes('TOUCHES'),
      endsTransaction: false,
      names: text.includes('DEALLOCATES'),
      prepares: [],
      copiesIn: /^COPY .* FROM STDIN/.test(text),
      deallocates: [/DEALLOCATES (\w+)/.exec(text)?.[1]].filter(name => name !== undefined),
    },
    literalsMatter: true,
    sessionMatters: false,
    namesMatter: false,
    attributes: [/ATTRIBUTE (\w+)/.exec(text)?.[1]].filter(name => name !== undefined),
    unread: undefined,
  };
  known.set(key, facts);
  return facts;
}

const decisions = new Map<string, Decision>();

function decisionOf(facts: CommandFacts | undefined, strict: boolean): Decision {
  const refused =
    facts?.verb === 'FORBIDDEN' ||
    facts?.operations.some(
      ({ action, objects }) =>
        action === 'postgres:call' ||
        (strict && action === 'postgres:unknown') ||
        objects.some(name => name.startsWith('archive.')),
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
  const note = (kind: string, content: string): number => {
    const last = entries.at(-1);
    // Bytes are one stream, however they were cut.
    if (last && last[0] === kind && kind.endsWith('bytes'))
      entries[entries.length - 1] = [kind, last[1] + content];
    else entries.push([kind, content]);
    sequence += 1;
    return sequence;
  };
  return {
    clientBytes: chunk => void note('client bytes', Buffer.from(chunk).toString('latin1')),
    serverBytes: chunk => void note('server bytes', Buffer.from(chunk).toString('latin1')),
    command: json => note('command', json),
    decision: json => note('decision', json),
    error: json => {
      if (options.errorsFail) throw new SallyportError('evidenceUnavailable', 'the disk is full');
      note('error', json);
    },
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
      return options.disk?.failing ?? false;
    },
    get failing() {
      return options.disk?.failing ?? false;
    },
    onRelief: then => {
      if (!options.disk?.failing) then();
    },
  };
}
