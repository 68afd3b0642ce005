import type { DecisionShown, Transcript, TranscriptEvent, TranscriptOptions } from '#cli/replay/events.ts';
import { InOrder } from '#cli/replay/in-order.ts';
import { transcripts } from '#cli/replay/protocols.ts';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { JsonRecord } from '#lib/evidence/json-record.ts';
import { parseOpen } from '#lib/evidence/overview.ts';
import { readSession, type SessionSource } from '#lib/evidence/reader.ts';
import type { EvidenceRecord, RecordName } from '#lib/evidence/record.ts';

/** As many decisions as a gateway keeps for one session. */
const maxDecisions = 4_096;

/** A session's transcript, read and verified as it goes. Ends with its end; every fault is an event in its place. */
export async function* readTranscript(
  source: SessionSource,
  options: TranscriptOptions,
): AsyncGenerator<TranscriptEvent, void, void> {
  const builder = new TranscriptBuilder(source.id, options);
  const inOrder = new InOrder(() => builder.pendingSince());
  for await (const event of readSession(source)) {
    if (event.kind === 'record') yield* inOrder.pass(builder.record(event.record));
    else if (event.kind === 'fault') yield* inOrder.pass([builder.fault(event.fault)]);
    else yield* inOrder.pass(builder.finish(event.lost));
  }
}

class TranscriptBuilder {
  readonly #id: string;
  readonly #options: TranscriptOptions;
  readonly #json = new Map<RecordName, JsonRecord>();
  readonly #decisions = new Map<number, DecisionShown>();
  #decisionStart: number | undefined;
  #transcript: Transcript | undefined;
  #atNs = 0;
  #ended = false;

  constructor(id: string, options: TranscriptOptions) {
    this.#id = id;
    this.#options = options;
  }

  *record(record: EvidenceRecord): Generator<TranscriptEvent, void, void> {
    this.#atNs = record.elapsedNs;
    const { type, payload, elapsedNs: atNs } = record;
    if (type === 'clientBytes') yield* this.#transcript?.clientBytes(payload, atNs) ?? [];
    else if (type === 'serverBytes') yield* this.#transcript?.serverBytes(payload, atNs) ?? [];
    else yield* this.#jsonRecord(record);
  }

  /** When the oldest statement that is still to be shown was asked. */
  pendingSince(): number | undefined {
    return this.#transcript?.pendingSince();
  }

  fault({ kind, message, place }: EvidenceFault): TranscriptEvent {
    return { kind: 'fault', atNs: this.#atNs, fault: kind, message, place };
  }

  /** @param lost why the session ended without an end record */
  *finish(lost: string | undefined): Generator<TranscriptEvent, void, void> {
    if (this.#ended) return;
    yield* this.#transcript?.finish() ?? [];
    const [how, reason] =
      lost === undefined ? ['(open)', 'it runs still, or its end is missing'] : ['lost', lost];
    yield { kind: 'end', atNs: this.#atNs, how, reason };
  }

  *#jsonRecord(record: EvidenceRecord): Generator<TranscriptEvent, void, void> {
    const { type, sequence, elapsedNs: atNs } = record;
    if (type === 'decision') this.#decisionStart ??= sequence;
    let value: unknown;
    try {
      const json = this.#json.get(type) ?? new JsonRecord();
      this.#json.set(type, json);
      value = json.add(record);
      if (value === undefined) return;
      if (type === 'open') {
        const open = parseOpen(value, this.#id);
        this.#transcript = Object.hasOwn(transcripts, open.protocol)
          ? transcripts[open.protocol]!(this.#options)
          : undefined;
        yield { kind: 'open', atNs, open };
        return;
      }
    } catch (cause) {
      if (!(cause instanceof EvidenceFault)) throw cause;
      yield this.fault(cause);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const facts = value as Readonly<Record<string, unknown>>;
    if (type === 'decision') this.#decision(facts);
    else if (type === 'command') this.#transcript?.command(facts, this.#decided(facts));
    else if (type === 'error') yield* this.#error(facts, atNs);
    else if (type === 'end') {
      this.#ended = true;
      yield* this.#transcript?.finish() ?? [];
      const { reason } = facts;
      yield {
        kind: 'end',
        atNs,
        how: String(facts['how']),
        ...(typeof reason === 'string' ? { reason } : {}),
      };
    }
  }

  #decision({ effect, policies, message }: Readonly<Record<string, unknown>>): void {
    const record = this.#decisionStart ?? 0;
    this.#decisionStart = undefined;
    if (this.#decisions.size >= maxDecisions) this.#decisions.clear();
    this.#decisions.set(record, {
      effect: String(effect),
      policies: Array.isArray(policies) ? policies.map(String) : [],
      message: typeof message === 'string' ? message : '',
      record,
    });
  }

  #decided({ decision }: Readonly<Record<string, unknown>>): DecisionShown | undefined {
    return typeof decision === 'number' ? this.#decisions.get(decision) : undefined;
  }

  *#error(facts: Readonly<Record<string, unknown>>, atNs: number): Generator<TranscriptEvent, void, void> {
    const message = String(facts['message']);
    const { detail } = facts;
    // With a decision it refuses a command, and is shown there.
    if (facts['decision'] !== undefined && this.#transcript)
      this.#transcript.refusal(message, this.#decided(facts));
    else
      yield {
        kind: 'error',
        atNs,
        code: String(facts['code']),
        message,
        ...(typeof detail === 'string' ? { detail } : {}),
      };
  }
}
