import type {
  DecisionShown,
  Facts,
  ResultShown,
  ServerMessage,
  Transcript,
  TranscriptEvent,
  TranscriptOptions,
  Value,
} from '#cli/replay/events.ts';
import { type Frame, FrameReader } from '#cli/replay/frames.ts';
import {
  type Column,
  readBind,
  readDataRow,
  readName,
  readNotification,
  readParse,
  readQuery,
  readRowDescription,
  readServerMessage,
} from '#cli/replay/postgres-messages.ts';

/** What the client asked and the server has not answered; the answers come in this order. */
interface Asked {
  readonly kind: 'query' | 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'sync';
  readonly atNs: number;
  readonly text: string;
  readonly cutBytes: number;
  readonly name: string;
  readonly values: readonly Value[];
  readonly portal: Portal | undefined;
  decision: DecisionShown | undefined;
  refused: string | undefined;
  level: string | undefined;
  results: Result[];
  errors: ServerMessage[];
}

interface Statement {
  readonly text: string;
  readonly cutBytes: number;
  columns: readonly Column[] | undefined;
}

interface Portal {
  readonly name: string;
  readonly statement: Statement | undefined;
  readonly values: readonly Value[];
  readonly formats: readonly number[];
}

interface Result {
  columns: readonly Column[] | undefined;
  rows: Value[][];
  rowCount: number;
  tag: string | undefined;
  copiedIn: number | undefined;
  copiedOut: number | undefined;
}

const noStatement: Statement = { text: '', cutBytes: 0, columns: undefined };

/**
 * Statements and their results out of the frames of both directions,
 * https://www.postgresql.org/docs/18/protocol-flow.html. Known limit: data rows of a portal that was never
 * described are shown by the formats that its Bind asked for, without the names of their columns.
 */
export class PostgresTranscript implements Transcript {
  readonly #options: TranscriptOptions;
  readonly #client: FrameReader;
  readonly #server: FrameReader;
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Portal>();
  readonly #asked: Asked[] = [];
  /** The client's newest command, which a command record stands for. */
  #newest: Asked | undefined;
  #refusal: { readonly message: string; readonly decision: DecisionShown | undefined } | undefined;

  constructor(options: TranscriptOptions) {
    this.#options = options;
    this.#client = new FrameReader(options.bytes);
    this.#server = new FrameReader(options.bytes);
  }

  *clientBytes(bytes: Buffer, atNs: number): Generator<TranscriptEvent, void, void> {
    const lost = this.#client.lost;
    for (const frame of this.#client.push(bytes)) this.#fromClient(frame, atNs);
    if (this.#client.lost && !lost) yield unreadable(atNs, 'client');
  }

  *serverBytes(bytes: Buffer, atNs: number): Generator<TranscriptEvent, void, void> {
    const lost = this.#server.lost;
    for (const frame of this.#server.push(bytes)) yield* this.#fromServer(frame, atNs);
    if (this.#server.lost && !lost) yield unreadable(atNs, 'server');
  }

  command({ level }: Facts, decision: DecisionShown | undefined): readonly TranscriptEvent[] {
    if (this.#newest === undefined) return [];
    this.#newest.decision = decision;
    this.#newest.level = typeof level === 'string' ? level : undefined;
    return [];
  }

  refusal(refused: Facts, decision: DecisionShown | undefined): readonly TranscriptEvent[] {
    const message = String(refused['message']);
    this.#refusal = { message, decision };
    return [];
  }

  /** What the client was told beside its results is among its bytes. */
  note(): readonly TranscriptEvent[] {
    return [];
  }

  *finish(): Generator<TranscriptEvent, void, void> {
    for (let asked = this.#asked.shift(); asked; asked = this.#asked.shift()) {
      if (isStatement(asked)) yield show(asked, undefined);
    }
  }

  pendingSince(): number | undefined {
    return this.#asked.find(isStatement)?.atNs;
  }

  #fromClient({ type, body, cutBytes }: Frame, atNs: number): void {
    switch (type) {
      case 'Q':
        this.#ask('query', atNs, { text: readQuery(body), cutBytes }, true);
        return;
      case 'P': {
        const { name, text } = readParse(body);
        this.#statements.set(name, { text, cutBytes, columns: undefined });
        this.#ask('parse', atNs, { text, cutBytes, name }, true);
        return;
      }
      case 'B': {
        const bind = readBind(body);
        const statement = this.#statements.get(bind.statement);
        const portal = { name: bind.statement, statement, values: bind.values, formats: bind.resultFormats };
        this.#portals.set(bind.portal, portal);
        this.#ask('bind', atNs, { ...statement, name: bind.statement, values: bind.values, portal });
        return;
      }
      case 'D': {
        const name = readName(body, 1);
        const portal = this.#portals.get(name);
        const statement = body[0] === 0x53 ? this.#statements.get(name) : portal?.statement;
        this.#ask('describe', atNs, { portal: { ...(portal ?? emptyPortal), statement } });
        return;
      }
      case 'E': {
        const portal = this.#portals.get(readName(body));
        const { text, cutBytes: cut } = portal?.statement ?? noStatement;
        const { name, values } = portal ?? emptyPortal;
        this.#ask('execute', atNs, { text, cutBytes: cut, name, values, portal }, true);
        return;
      }
      case 'C':
        this.#ask('close', atNs, {});
        return;
      case 'S':
        this.#ask('sync', atNs, {});
        return;
      case 'd': {
        const result = this.#copying();
        if (result) result.copiedIn = (result.copiedIn ?? 0) + body.length + cutBytes;
      }
    }
  }

  /** @param command a command record follows, or its refusal went before */
  #ask(kind: Asked['kind'], atNs: number, what: Partial<Asked>, command = false): void {
    const { text = '', cutBytes = 0, name = '', values = [], portal } = what;
    const answers = { decision: undefined, refused: undefined, level: undefined, results: [], errors: [] };
    const asked: Asked = { kind, atNs, text, cutBytes, name, values, portal, ...answers };
    if (command) {
      this.#newest = asked;
      asked.refused = this.#refusal?.message;
      asked.decision = this.#refusal?.decision;
      this.#refusal = undefined;
    }
    this.#asked.push(asked);
  }

  *#fromServer({ type, body, cutBytes }: Frame, atNs: number): Generator<TranscriptEvent, void, void> {
    const asked = this.#asked[0];
    switch (type) {
      case 'T': {
        const columns = readRowDescription(body);
        if (asked?.kind === 'describe') {
          if (asked.portal?.statement) asked.portal.statement.columns = columns;
          this.#asked.shift();
        } else if (asked) {
          asked.results.push(newResult(columns));
        }
        return;
      }
      case 'D':
        this.#row(asked, body);
        return;
      case 'C':
      case 'I':
      case 's': {
        if (!asked || !isStatement(asked)) return;
        const result = this.#result(asked);
        result.tag = type === 'C' ? readName(body) : type === 'I' ? 'empty query' : 'portal suspended';
        if (asked.kind === 'query') return;
        this.#asked.shift();
        yield show(asked, atNs);
        return;
      }
      case 'n':
        if (asked?.kind === 'describe') this.#asked.shift();
        return;
      case '1':
      case '2':
      case '3':
        if (asked && confirmed[type] === asked.kind) this.#asked.shift();
        return;
      case 'G':
        if (asked) this.#result(asked).copiedIn = 0;
        return;
      case 'H':
      case 'W':
        if (asked) this.#result(asked).copiedOut = 0;
        return;
      case 'd': {
        const result = asked && this.#result(asked);
        if (result) result.copiedOut = (result.copiedOut ?? 0) + body.length + cutBytes;
        return;
      }
      case 'E':
        yield* this.#failed(asked, readServerMessage(body), atNs);
        return;
      case 'Z':
        yield* this.#ready(atNs);
        return;
      case 'N':
        yield { kind: 'notice', atNs, notice: readServerMessage(body) };
        return;
      case 'A':
        yield { kind: 'notification', atNs, ...readNotification(body) };
    }
  }

  #row(asked: Asked | undefined, body: Buffer): void {
    if (asked === undefined) return;
    const result = this.#result(asked);
    result.rowCount++;
    if (result.rows.length >= this.#options.rows) return;
    const asks = asked.portal?.formats ?? [];
    result.rows.push(
      readDataRow(body, column =>
        asks.length > 0
          ? asks.length === 1
            ? asks[0]!
            : (asks[column] ?? 0)
          : (result.columns?.[column]?.format ?? 0),
      ),
    );
  }

  /** The error voids what the client sent up to the next Sync; a simple query goes on to its own end. */
  *#failed(
    asked: Asked | undefined,
    error: ServerMessage,
    atNs: number,
  ): Generator<TranscriptEvent, void, void> {
    if (asked === undefined) {
      yield { kind: 'error', atNs, code: error.code, message: error.message };
      return;
    }
    asked.errors.push(error);
    if (asked.kind === 'query') return;
    const next = this.#asked.findIndex(({ kind }) => kind === 'sync' || kind === 'query');
    this.#asked.splice(0, next < 0 ? this.#asked.length : next);
    yield show(asked, atNs);
  }

  *#ready(atNs: number): Generator<TranscriptEvent, void, void> {
    const asked = this.#asked.shift();
    if (asked?.kind === 'query') yield show(asked, atNs);
  }

  /** The result that rows go into. */
  #result(asked: Asked): Result {
    const last = asked.results.at(-1);
    if (last !== undefined && last.tag === undefined) return last;
    const result = newResult(asked.kind === 'execute' ? asked.portal?.statement?.columns : undefined);
    asked.results.push(result);
    return result;
  }

  /** The result that takes what the client copies in. */
  #copying(): Result | undefined {
    return this.#asked.flatMap(({ results }) => results).find(({ copiedIn }) => copiedIn !== undefined);
  }
}

const confirmed: Readonly<Record<string, Asked['kind']>> = { '1': 'parse', '2': 'bind', '3': 'close' };
const emptyPortal: Portal = { name: '', statement: undefined, values: [], formats: [] };

function newResult(columns: readonly Column[] | undefined): Result {
  return { columns, rows: [], rowCount: 0, tag: undefined, copiedIn: undefined, copiedOut: undefined };
}

const isStatement = ({ kind }: Asked): boolean => kind === 'query' || kind === 'execute';

function unreadable(atNs: number, side: string): TranscriptEvent {
  return { kind: 'fault', atNs, fault: 'unreadable', message: `bytes of the ${side} that are no messages` };
}

function show(asked: Asked, untilNs: number | undefined): TranscriptEvent {
  const { kind, atNs, text, cutBytes, name, values, decision, refused, level, errors } = asked;
  return {
    kind: 'statement',
    atNs,
    durationNs: untilNs === undefined ? undefined : untilNs - atNs,
    how: kind,
    text,
    cutBytes,
    ...(name === '' ? {} : { name }),
    values,
    decision,
    refused,
    level,
    results: asked.results.map(showResult),
    errors,
  };
}

function showResult({ columns, rows, rowCount, tag, copiedIn, copiedOut }: Result): ResultShown {
  return {
    columns: columns?.map(({ name }) => name) ?? [],
    rows,
    rowCount,
    ...(tag === undefined ? {} : { tag }),
    ...(copiedIn === undefined ? {} : { copiedIn }),
    ...(copiedOut === undefined ? {} : { copiedOut }),
  };
}
