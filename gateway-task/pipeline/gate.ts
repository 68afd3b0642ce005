import type { Metrics } from '#gateway/metrics.ts';
import type { PolicySource } from '#gateway/policy-source.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import type { Command } from '#lib/command.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Decider } from '#lib/policy/decider.ts';
import type { Decision } from '#lib/policy/decision.ts';
import { Forwarder } from './forwarder.ts';
import type { Legs, Sink } from './legs.ts';

declare const admitted: unique symbol;

/** Leave to forward one command. Made by {@link Gate.admit} alone. */
export interface Admission {
  readonly [admitted]: true;
  readonly command: Command;
  readonly decision: Decision;
  /** Sequence number of the decision's record. */
  readonly record: number;
}

export type Verdict = Admission | SallyportError;

/**
 * What stands between a session's two legs. Every byte passes here: it is decided, recorded and then
 * forwarded, in that order, and what a policy's answer demands is enforced here for every protocol alike.
 */
export class Gate {
  readonly #recorder: SessionRecorder;
  readonly #decider: Pick<Decider, 'use' | 'decide'>;
  readonly #policy: Pick<PolicySource, 'expired' | 'engine'>;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  readonly #decisionRecords = new Map<Decision, number>();
  #forwarder: Forwarder | undefined;
  #client: Sink | undefined;
  #legs: Legs | undefined;
  #clientBlocked = false;
  #afterDrain: (() => void)[] = [];
  /** Milliseconds since the epoch of the last byte in either direction. */
  lastActivity: number;

  constructor(
    recorder: SessionRecorder,
    decider: Pick<Decider, 'use' | 'decide'>,
    policy: Pick<PolicySource, 'expired' | 'engine'>,
    metrics: Metrics,
    now: () => number = Date.now,
  ) {
    this.#recorder = recorder;
    this.#decider = decider;
    this.#policy = policy;
    this.#metrics = metrics;
    this.#now = now;
    this.lastActivity = now();
  }

  /** Takes the two legs. Once, before anything is forwarded. */
  join(legs: Legs): void {
    if (this.#legs) throw new TypeError('the gate has its legs already');
    this.#legs = legs;
    this.#client = legs.client;
    this.#forwarder = new Forwarder(this.#recorder, legs, this.#metrics.journalSeconds);
    legs.client.on('drain', this.#onClientDrain);
  }

  /**
   * Decides a command. What policy demands and nothing here can do is a refusal, which is recorded.
   *
   * @param details what a refusal's record says besides, where no other record has it: what was asked for
   * @param own why the gateway refuses it though policy may let it pass
   */
  admit(command: Command, details?: object, own?: SallyportError): Verdict {
    const now = this.#now();
    this.lastActivity = now;
    return this.#decide(command, now, details, own);
  }

  /** Refuses what no policy can let pass, with policy's decision on record. It is no activity of the session's. */
  refuse(command: Command, reason: SallyportError): void {
    this.#decide(command, this.#now(), undefined, reason);
  }

  /**
   * Forwards bytes that end with an admitted command, whose text they hold, once its record is durable at the
   * level that policy asks for.
   *
   * @param kind how the command stands in its protocol, a word of the protocol's own
   * @param name what it is called there, or empty
   * @param prepares it executes nothing yet: what does is a command of its own
   * @returns the command record's sequence number
   */
  forward(bytes: Buffer, admission: Admission, kind: string, name: string, prepares: boolean): number {
    this.#metrics.clientBytes += bytes.length;
    this.#recorder.clientBytes(bytes);
    const { command, decision, record } = admission;
    const digest = command.digest === '' ? 'null' : `"${command.digest}"`;
    const statement = name === '' ? '' : `,"statement":${JSON.stringify(name)}`;
    const sequence = this.#recorder.command(
      `{"decision":${record},"sha256":${digest},"bytes":${command.bytes},"level":"${decision.durability}","kind":"${kind}"${statement}}`,
      prepares,
    );
    this.#forwarder!.forward(bytes, decision.durability === 'async');
    return sequence;
  }

  /**
   * Sends the target a message that is an admitted command, once its record, which says all of it, is durable.
   *
   * @param details what the command is: `kind`, and whatever the protocol says of it
   * @returns the command record's sequence number
   */
  perform(message: Buffer, admission: Admission, details: object): number {
    const sequence = this.record(admission, details);
    this.#forwarder!.forward(message, admission.decision.durability === 'async');
    return sequence;
  }

  /** Records an admitted command that the gateway itself carries out; {@link whenDurable} says when it may. */
  record(admission: Admission, details: object): number {
    this.lastActivity = this.#now();
    const { command, decision, record } = admission;
    const sequence = this.#recorder.command(
      JSON.stringify({
        decision: record,
        sha256: command.digest,
        bytes: command.bytes,
        level: decision.durability,
        ...details,
      }),
      false,
    );
    return sequence;
  }

  /** What is known later of a command that was forwarded: `record` is its command record's number. */
  complete(record: number, facts: object): void {
    this.#recorder.command(JSON.stringify({ of: record, ...facts }), true);
    this.#relieve();
  }

  /**
   * Forwards bytes that begin no command: framing, data of a command that was admitted.
   *
   * @param message what goes to the target, where that is more than the bytes
   */
  carry(bytes: Buffer, message = bytes, channel = 0): void {
    this.lastActivity = this.#now();
    this.#metrics.clientBytes += bytes.length;
    this.#recorder.clientBytes(bytes, channel);
    this.#forwarder!.forward(message, false);
  }

  /** Records bytes of the client that go no further. */
  drop(bytes: Buffer, channel = 0): void {
    this.#recorder.clientBytes(bytes, channel);
    this.#relieve();
  }

  /** Records a fact about the session: see the record types of lib/evidence/record.ts. */
  note(type: 'notice' | 'resize' | 'file', facts: object): void {
    this.#recorder.note(type, JSON.stringify(facts));
    this.#relieve();
  }

  /** Sends the target bytes of the gateway's own making, in their place among the client's. */
  inject(bytes: Buffer): void {
    this.#forwarder!.forward(bytes, false);
  }

  /**
   * Sends bytes to the client. Where the target lends its bytes, they are its own again when this returns.
   *
   * @param recorded what the recording keeps: without the secrets in it, or without a message around it
   */
  reply(bytes: Buffer, recorded = bytes, channel = 0): void {
    this.#metrics.serverBytes += bytes.length;
    if (recorded.length > 0) {
      this.lastActivity = this.#now();
      this.#recorder.serverBytes(recorded, channel);
    }
    const client = this.#client!;
    const { targetLends, clientTakes } = this.#legs!;
    const kept = targetLends && !(clientTakes && client.writableLength === 0);
    if (!client.write(kept ? Buffer.from(bytes) : bytes) && !this.#clientBlocked) {
      this.#clientBlocked = true;
      this.#legs!.holdTarget(true);
    }
    this.#relieve();
  }

  /** The client does not read what it was sent. */
  get clientBlocked(): boolean {
    return this.#clientBlocked;
  }

  /** Calls back when a client that is blocked has read. */
  onceClientDrains(then: () => void): void {
    this.#afterDrain.push(then);
  }

  /**
   * Writes down an error that the client is told of. Never throws: where the journal takes nothing any more,
   * that is why the session ends, and the recording ends with what it has.
   */
  recordError(reason: SallyportError): void {
    try {
      const { code, message, detail } = reason;
      // JSON leaves out a detail that is undefined.
      this.#recorder.error(JSON.stringify({ code, message, detail }));
    } catch (fault) {
      this.#metrics.unrecordedErrors.inc();
      if (!(fault instanceof SallyportError)) throw fault;
    }
  }

  /** Calls back when all that was forwarded so far has been written to the target. */
  afterForwarding(then: () => void): void {
    this.#forwarder!.after(then);
  }

  /** Calls back when all that was recorded so far is durable; where it is not to be had the session ends. */
  whenDurable(then: () => void): void {
    this.#recorder.whenDurable(failure => (failure ? this.#legs!.fail(failure) : then()));
  }

  /** What is recorded without being forwarded fills the spool as well. */
  #relieve(): void {
    if (this.#recorder.pressure) this.#forwarder!.waitForRelief();
  }

  readonly #onClientDrain = (): void => {
    this.#clientBlocked = false;
    this.lastActivity = this.#now();
    this.#legs!.holdTarget(false);
    for (const then of this.#afterDrain.splice(0)) then();
  };

  #decide(command: Command, now: number, details?: object, own?: SallyportError): Verdict {
    if (this.#policy.expired(now)) {
      const refusal = tooOld();
      this.#refused(command, null, refusal, details);
      return refusal;
    }
    this.#decider.use(this.#policy.engine);
    const begun = performance.now();
    const decision = this.#decider.decide(command.facts, now);
    let record = this.#decisionRecords.get(decision);
    if (record === undefined) {
      this.#metrics.decisionSeconds.observe((performance.now() - begun) / 1_000);
      record = this.#recordDecision(command, decision);
    }
    const refusal = refusalOf(decision, command) ?? own;
    if (refusal) {
      this.#refused(command, record, refusal, details);
      return refusal;
    }
    this.#metrics.allowed += 1;
    return { command, decision, record } as unknown as Admission;
  }

  #recordDecision(command: Command, decision: Decision): number {
    const { verb, operations, functions, risk } = command.facts;
    const record = this.#recorder.decision(
      JSON.stringify({ ...decision, verb, operations, functions, risk }),
    );
    // Decisions are few: the decider keeps one object for each. The bound is for policies that look at the time.
    if (this.#decisionRecords.size >= 4_096) this.#decisionRecords.clear();
    this.#decisionRecords.set(decision, record);
    return record;
  }

  /** @param record the decision's; null: no policy was asked */
  #refused(
    command: Command,
    record: number | null,
    refusal: SallyportError,
    details: object | undefined,
  ): void {
    this.#metrics.denied += 1;
    this.#metrics.refusals.inc({ reason: refusal.code });
    this.#recorder.error(
      JSON.stringify({
        code: refusal.code,
        message: refusal.message,
        decision: record,
        sha256: command.digest,
        bytes: command.bytes,
        ...details,
      }),
    );
  }
}

function tooOld(): SallyportError {
  return new SallyportError('policyExpired', 'the policy is older than it may be, so nothing is permitted', {
    hint: 'The gateway cannot reach its control plane. Try again in a minute.',
  });
}

/** What stands against a command, in words for the person who sent it. */
function refusalOf(decision: Decision, command: Command): SallyportError | undefined {
  const { verb } = command.facts;
  if (decision.effect === 'deny' && command.syntaxErrorAt !== undefined) {
    // In the target's words: who mistypes has not met a policy.
    return new SallyportError('syntax', `${command.unreadable}`, {
      position: command.syntaxErrorAt || undefined,
    });
  }
  if (decision.effect === 'deny' && command.unreadable !== undefined) {
    return new SallyportError('denied', `${command.unreadable}`, {
      detail: `Sallyport cannot read this text, and what cannot be read is refused (${decision.policies.join(', ') || 'no policy permits it'}).`,
      hint: decision.message,
    });
  }
  if (decision.effect === 'deny') {
    const by =
      decision.policies.length > 0 ? `policy ${decision.policies.join(', ')}` : 'no policy permits it';
    return new SallyportError('denied', `${verb || 'the statement'} refused: ${decision.message}`, {
      detail: `Decided by Sallyport: ${by}. Policy version ${decision.version.slice(0, 19)}.`,
      hint: `"sallyport explain${command.byAction ? ` --action ${command.facts.operations[0]?.action}` : ''}" shows how this was decided.`,
    });
  }
  const demand = decision.approve?.length
    ? `an approval by ${decision.approve.join(' and ')}`
    : decision.mask?.length
      ? `masking of ${decision.mask.join(', ')}`
      : decision.durability === 'strict'
        ? 'a record of durability "strict"'
        : undefined;
  return demand === undefined
    ? undefined
    : new SallyportError(
        'denied',
        `${verb} refused: policy ${decision.policies.join(', ')} asks for ${demand}`,
        {
          detail: 'This gateway cannot do that, so it does not let the statement pass.',
          hint: 'Ask whoever keeps the policies.',
        },
      );
}
