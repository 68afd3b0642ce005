import type { Admission, Gate } from '#gateway/pipeline/gate.ts';
import type { CommandFacts } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import { calling } from '#lib/sql/attributes.ts';
import type { SqlReader } from '#lib/sql/cache.ts';
import { isPlanned } from '#lib/sql/collector.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';
import type { Conversation } from './conversation.ts';
import type { Questions } from './questions.ts';
import { commandOf, type SqlCommand, unreadCommand } from './sql-command.ts';
import { cString, frontend, headBytes, maxSmallBytes } from './wire/frames.ts';

/**
 * What becomes of a frame: it passes with its neighbours, ends a run that is forwarded under an admission,
 * waits for an answer that its decision depends on, is dropped, or is dropped and these bytes go instead.
 */
export type Outcome = 'pass' | 'forward' | 'hold' | 'drop' | Buffer;

/** What opens a transaction. */
const begins = /^(?:BEGIN|START TRANSACTION)\b/;

/** One for what is on its way to settle or is asked ahead, one for the path, one for the text behind a name. */
const maxRounds = 3;

/**
 * Decides the client's messages one by one:
 * https://www.postgresql.org/docs/18/protocol-flow.html "Simple query", "Extended query", "Function call".
 */
export class ClientMessages {
  readonly #conversation: Conversation;
  readonly #gate: Gate;
  readonly #sql: Pick<SqlReader, 'read'>;
  readonly #questions: Questions;
  /** How often the message at hand has waited for answers: what is unknown at the last stays unknown. */
  #rounds = 0;
  /** What the last `forward` stands for. */
  #admission: Admission | undefined;
  #kind = '';
  #name = '';

  constructor(conversation: Conversation, gate: Gate, sql: Pick<SqlReader, 'read'>, asking: Questions) {
    this.#conversation = conversation;
    this.#gate = gate;
    this.#sql = sql;
    this.#questions = asking;
  }

  /**
   * @param frame the message, or its first bytes where it is read in part
   * @param length of the whole message
   * @param unread it is too long to be read
   */
  decide(type: number, frame: Buffer, length: number, unread: boolean): Outcome {
    this.#conversation.look();
    const outcome = this.#outcome(type, frame, length, unread);
    this.#rounds = outcome === 'hold' ? this.#rounds + 1 : 0;
    if (this.#rounds === 0) this.#conversation.forgetPrepared();
    return outcome;
  }

  /** Forwards a run that ends with the message last decided. @returns the command record's sequence number. */
  forward(bytes: Buffer): number {
    return this.#gate.forward(bytes, this.#admission!, this.#kind, this.#name, this.#kind === 'parse');
  }

  /** For a text that passed unread: where its digest goes once it is known. */
  settleUnread(): (digest: string) => void {
    const command = this.#admission!.command as SqlCommand;
    return digest => {
      command.digest = digest;
    };
  }

  #outcome(type: number, frame: Buffer, length: number, unread: boolean): Outcome {
    const conversation = this.#conversation;
    if (conversation.copying && !passesInCopy(type)) {
      throw new SallyportError('protocolViolation', 'a message other than data inside a COPY', {
        hint: 'End the COPY by CopyDone or CopyFail first.',
      });
    }
    switch (type) {
      case frontend.query:
        return this.#query(frame, length, unread);
      case frontend.sync:
        // The server reads it among the data and ignores it; once the COPY has failed, it would answer.
        if (conversation.copying) return 'drop';
        conversation.end();
        return 'pass';
      case frontend.terminate:
        return 'pass';
      case frontend.copyDone:
        conversation.copyEnd();
        return 'pass';
      case frontend.functionCall: {
        if (conversation.unsynchronised) throw outOfPlace('FunctionCall');
        const reason = new SallyportError('unsupported', 'the function call protocol is refused', {
          hint: 'Call the function by SELECT: FunctionCall names no text that could be held to policy.',
        });
        this.#gate.recordError(reason);
        const instead = conversation.refusals.query(reason, conversation.sent);
        conversation.end();
        return instead;
      }
    }
    if (!isExtended(type)) throw new SallyportError('protocolViolation', 'unknown message type');
    if (length > maxSmallBytes && type !== frontend.parse && type !== frontend.bind) {
      throw new SallyportError('protocolViolation', 'a message longer than its kind can be');
    }
    // PostgreSQL skips what follows an error up to Sync, and so does the gateway after a refusal.
    if (conversation.refusedCycle === conversation.sent) return 'drop';
    if (this.#rounds === 0 && conversation.asksAheadOfPipeline) {
      this.#askAhead();
      this.#questions.start();
      return 'hold';
    }
    const outcome = this.#extended(type, frame, length, unread);
    if (outcome !== 'hold') conversation.begin();
    return outcome;
  }

  #query(frame: Buffer, length: number, unread: boolean): Outcome {
    const conversation = this.#conversation;
    if (conversation.unsynchronised) throw outOfPlace('Query');
    const text = frame.subarray(headBytes, frame.length - 1);
    if (!unread && frame.indexOf(0, headBytes) !== frame.length - 1) {
      throw new SallyportError('protocolViolation', 'invalid string in message');
    }
    const command = unread
      ? unreadCommand(length - headBytes, conversation.reading.searchPath)
      : this.#read(text);
    if (!command) return 'hold';
    const verdict = this.#gate.admit(command);
    if (verdict instanceof SallyportError) {
      const instead = conversation.refusals.query(verdict, conversation.sent);
      conversation.end();
      return instead;
    }
    conversation.noteEffects(command.sql, 'query');
    conversation.end();
    return this.#forwarded(verdict, unread ? 'unread' : 'simple', '');
  }

  #extended(type: number, frame: Buffer, length: number, unread: boolean): Outcome {
    switch (type) {
      case frontend.parse:
        return this.#parse(frame, length, unread);
      case frontend.bind:
        return this.#bind(frame);
      case frontend.execute:
        return this.#execute(frame);
      case frontend.close:
        this.#close(frame);
    }
    return 'pass';
  }

  #parse(frame: Buffer, length: number, unread: boolean): Outcome {
    const conversation = this.#conversation;
    const name = cString(frame, headBytes, frame.length);
    const textStart = headBytes + (name?.length ?? 0) + 1;
    const text = name && !unread ? cString(frame, textStart, frame.length) : undefined;
    if (!name || (!text && !unread)) throw new SallyportError('protocolViolation', 'invalid Parse message');
    const command = text
      ? this.#read(text)
      : unreadCommand(length - headBytes, conversation.reading.searchPath);
    if (!command) return 'hold';
    const verdict = this.#gate.admit(command);
    if (verdict instanceof SallyportError) return this.#refuse(verdict);
    const statement = nameOf(name);
    conversation.statements.expect('statement', statement, command, conversation.sent);
    return this.#forwarded(verdict, unread ? 'unread' : 'parse', statement);
  }

  #bind(frame: Buffer): Outcome {
    const conversation = this.#conversation;
    const portalBytes = cString(frame, headBytes, frame.length);
    const statementBytes = portalBytes && cString(frame, headBytes + portalBytes.length + 1, frame.length);
    if (!statementBytes) throw new SallyportError('protocolViolation', 'invalid Bind message');
    const portal = nameOf(portalBytes);
    const command = this.#lookUp('statement', nameOf(statementBytes));
    if (command === undefined) return 'hold';
    conversation.statements.expect('portal', portal, command ?? undefined, conversation.sent);
    if (command) conversation.noteBinding(command.sql);
    return 'pass';
  }

  #execute(frame: Buffer): Outcome {
    const conversation = this.#conversation;
    const bytes = cString(frame, headBytes, frame.length);
    if (bytes === undefined || frame.length !== headBytes + bytes.length + 5) {
      throw new SallyportError('protocolViolation', 'invalid Execute message');
    }
    const name = nameOf(bytes);
    const command = this.#lookUp('portal', name);
    if (command === undefined) return 'hold';
    if (command === null) {
      return this.#refuse(
        new SallyportError(
          'denied',
          `Execute refused: the gateway does not know the portal "${printable(name)}"`,
          {
            hint: 'Bind it in the same session, or send Sync before it so that the server can be asked.',
          },
        ),
      );
    }
    const verdict = this.#gate.admit(command);
    if (verdict instanceof SallyportError) return this.#refuse(verdict);
    conversation.noteEffects(command.sql, 'execute');
    return this.#forwarded(verdict, 'execute', name);
  }

  #close(frame: Buffer): void {
    const conversation = this.#conversation;
    const name = cString(frame, headBytes + 1, frame.length);
    if (name === undefined) throw new SallyportError('protocolViolation', 'invalid Close message');
    const kind = frame[headBytes] === 0x53 ? 'close-statement' : 'close-portal';
    conversation.statements.expect(kind, nameOf(name), undefined, conversation.sent);
  }

  #forwarded(admission: Admission, kind: string, name: string): Outcome {
    this.#admission = admission;
    this.#kind = kind;
    this.#name = name;
    return 'forward';
  }

  #refuse(reason: SallyportError): Outcome {
    const conversation = this.#conversation;
    conversation.refusedCycle = conversation.sent;
    return conversation.refusals.parse(reason, conversation.sent);
  }

  /**
   * Reads a text by the session's settings as they are when the server will read it.
   * @returns undefined when the server has to be asked first.
   */
  #read(text: Buffer): SqlCommand | undefined {
    const conversation = this.#conversation;
    const { reading } = conversation;
    conversation.missing.clear();
    const sql = this.#sql.read(text, reading);
    const path = reading.searchPath;
    const needsPath = path === undefined && dependsOnPath(sql);
    const needsFunctions =
      conversation.functions === undefined && (sql.attributes.length > 0 || conversation.missing.size > 0);
    const ahead = this.#rounds === 0 && conversation.asksAheadOfTransaction && begins.test(sql.command.verb);
    const needs =
      needsPath ||
      needsFunctions ||
      ahead ||
      conversation.missing.size > 0 ||
      (conversation.unsettled && sql.unread !== undefined);
    if (!needs || this.#rounds >= maxRounds || !conversation.mayAsk) {
      return this.#commandOf(sql, text, path === undefined && !needsPath ? 'any' : path);
    }
    if (ahead) this.#askAhead();
    else {
      if (needsPath) this.#questions.askSearchPath();
      if (needsFunctions) this.#questions.askFunctions();
      this.#askPrepared();
    }
    this.#questions.start();
    return undefined;
  }

  #askAhead(): void {
    if (this.#conversation.pathIsOld) this.#questions.askSearchPath();
    if (this.#conversation.functions === undefined) this.#questions.askFunctions();
  }

  /** Asks for the statements behind the names that the last reading asked for in vain. */
  #askPrepared(): void {
    const conversation = this.#conversation;
    for (const name of conversation.missing) {
      this.#questions.askStatement('pg_prepared_statements', name, found => {
        const read = this.#called(this.#sql.read(found, conversation.reading));
        if (isAlone(read)) conversation.setPrepared(name, preparedFacts(read, name));
      });
    }
  }

  /** With what column notation calls; where that is not known, it is all of it. */
  #called(sql: SqlFacts): SqlFacts {
    if (sql.attributes.length === 0) return sql;
    return calling(sql, this.#conversation.functions ?? new Set(sql.attributes));
  }

  #commandOf(sql: SqlFacts, text: Buffer, path: SqlCommand['path']): SqlCommand {
    return commandOf({ text: sql, sql: this.#called(sql) }, text, path);
  }

  /**
   * The command that a name stands for.
   * @returns null when there is none that is known, undefined when the server has to be asked first.
   */
  #lookUp(kind: 'statement' | 'portal', name: string): SqlCommand | null | undefined {
    const conversation = this.#conversation;
    const { reading, statements } = conversation;
    const found = statements.find(kind, name, conversation.sent);
    const known = found !== 'unsettled' && found !== 'unknown';
    const mayAsk = this.#rounds < maxRounds && conversation.mayAsk;
    // The plan of a portal stands; a statement is read again by the server when the path has changed, and what
    // has no plan, such as COPY and EXECUTE, looks its names up as it is executed.
    if (known && kind === 'portal' && isPlanned(found.facts)) return found;
    const samePath = known && (found.path === 'any' || found.path === reading.searchPath);
    // A column may have become a function since: the server reads that again as well.
    const needsFunctions = known && found.text.attributes.length > 0 && conversation.functions === undefined;
    if (samePath && !(needsFunctions && mayAsk)) return this.#asCalledNow(found);
    if (!mayAsk) return null;
    const needsPath = !samePath && reading.searchPath === undefined;
    if (needsPath) this.#questions.askSearchPath();
    if (conversation.functions === undefined) this.#questions.askFunctions();
    // Where only the path has to be asked for, it may turn out to be the same.
    if (found === 'unknown' || (known && !samePath && !needsPath)) this.#askText(kind, name);
    this.#questions.start();
    return undefined;
  }

  #asCalledNow(command: SqlCommand): SqlCommand {
    const sql = this.#called(command.text);
    return sql === command.sql ? command : { ...command, sql, facts: sql.command };
  }

  #askText(kind: 'statement' | 'portal', name: string): void {
    const conversation = this.#conversation;
    const { reading, statements } = conversation;
    const view = kind === 'statement' ? 'pg_prepared_statements' : 'pg_cursors';
    this.#questions.askStatement(view, name, answer => {
      const text = Buffer.from(answer);
      const learn = (sql: SqlFacts) => {
        if (isAlone(sql)) statements.learn(kind, name, this.#commandOf(sql, text, reading.searchPath));
      };
      conversation.missing.clear();
      const sql = this.#sql.read(text, reading);
      if (conversation.missing.size === 0) return learn(sql);
      // An EXECUTE of something else, whose text is behind this one.
      this.#askPrepared();
      this.#questions.afterwards(() => learn(this.#sql.read(text, reading)));
    });
  }
}

/**
 * Whether a text that was read without knowing the search path would read otherwise with it: names without a
 * schema stand under `?`, and functions or operators without one are not known.
 */
function dependsOnPath({ command }: SqlFacts): boolean {
  const { operations, risk } = command;
  return (
    risk.opaque ||
    risk.unknownCode ||
    operations.some(({ objects }) => objects.some(name => name.startsWith('?.')))
  );
}

/**
 * The server keeps the whole text that a statement was prepared in. One of several cannot be told from the
 * others, and a SET in front of it is no longer in force: then it stays unknown.
 */
function isAlone(sql: SqlFacts): boolean {
  return sql.command.risk.statements === 1;
}

/** The statement inside a PREPARE; a statement prepared by protocol is its own text. */
function preparedFacts(sql: SqlFacts, name: string): CommandFacts {
  return sql.effects.prepares.findLast(prepared => prepared.name === name)?.facts ?? sql.command;
}

/** Of what is decided here; data and CopyFail pass by. */
function passesInCopy(type: number): boolean {
  return (
    type === frontend.copyDone ||
    type === frontend.sync ||
    type === frontend.flush ||
    type === frontend.terminate
  );
}

function isExtended(type: number): boolean {
  return (
    type === frontend.parse ||
    type === frontend.bind ||
    type === frontend.execute ||
    type === frontend.describe ||
    type === frontend.close ||
    type === frontend.flush
  );
}

function outOfPlace(message: string): SallyportError {
  return new SallyportError(
    'protocolViolation',
    `${message} inside a pipeline that has not been synchronised`,
    {
      hint: 'Send Sync first.',
    },
  );
}

/** PostgreSQL cuts longer names, and reads others by `client_encoding`: two of ours could be one of its. */
function nameOf(bytes: Buffer): string {
  if (bytes.length > 63 || bytes.some(byte => byte >= 0x80)) {
    throw new SallyportError(
      'unsupported',
      'a name of a statement or portal has at most 63 characters, all ASCII',
    );
  }
  return bytes.toString('latin1');
}

function printable(name: string): string {
  return name.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
}
