import type {
  Asked,
  DecisionShown,
  Facts,
  RecordPlace,
  Transcript,
  TranscriptEvent,
  TranscriptOptions,
} from '#cli/replay/events.ts';
import { InOrder } from '#cli/replay/in-order.ts';
import { transcripts } from '#cli/replay/protocols.ts';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { JsonRecord } from '#lib/evidence/json-record.ts';
import { parseOpen } from '#lib/evidence/overview.ts';
import { readSession, type SessionSource } from '#lib/evidence/reader.ts';
import type { EvidenceRecord, RecordName } from '#lib/evidence/record.ts';

/** As many decisions as a gateway keeps for one session. */
const maxDecisions = 4_096;
/** Of what a refused command was about. */
const maxObjects = 100;

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
  readonly #decisions = new Map<
    number,
    { readonly shown: DecisionShown; readonly asked: Asked | undefined }
  >();
  /** Sequence numbers of the first records of payloads that go on. */
  readonly #starts = new Map<RecordName, number>();
  #transcript: Transcript | undefined;
  #atNs = 0;
  #ended = false;

  constructor(id: string, options: TranscriptOptions) {
    this.#id = id;
    this.#options = options;
  }

  async *record(record: EvidenceRecord): AsyncGenerator<TranscriptEvent, void, void> {
    this.#atNs = record.elapsedNs;
    const { type, payload, elapsedNs: atNs, channel } = record;
    if (type === 'clientBytes') yield* this.#transcript?.clientBytes(payload, atNs, channel) ?? [];
    else if (type === 'serverBytes') yield* this.#transcript?.serverBytes(payload, atNs, channel) ?? [];
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
  async *finish(lost: string | undefined): AsyncGenerator<TranscriptEvent, void, void> {
    if (this.#ended) return;
    yield* this.#transcript?.finish(this.#atNs) ?? [];
    const [how, reason] =
      lost === undefined ? ['(open)', 'it runs still, or its end is missing'] : ['lost', lost];
    yield { kind: 'end', atNs: this.#atNs, how, reason };
  }

  async *#jsonRecord(record: EvidenceRecord): AsyncGenerator<TranscriptEvent, void, void> {
    const { type, elapsedNs: atNs, supplement } = record;
    const sequence = this.#starts.get(type) ?? record.sequence;
    let value: unknown;
    try {
      const json = this.#json.get(type) ?? new JsonRecord();
      this.#json.set(type, json);
      value = json.add(record);
      if (value === undefined) {
        this.#starts.set(type, sequence);
        return;
      }
      this.#starts.delete(type);
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
    yield* this.#facts(type, value as Facts, { sequence, atNs, supplement });
  }

  async *#facts(
    type: RecordName,
    facts: Facts,
    place: RecordPlace,
  ): AsyncGenerator<TranscriptEvent, void, void> {
    switch (type) {
      case 'decision':
        this.#decision(facts, place.sequence);
        return;
      case 'command':
        yield* this.#transcript?.command(facts, this.#decided(facts)?.shown, place) ?? [];
        return;
      case 'error':
        yield* this.#error(facts, place);
        return;
      case 'notice':
      case 'resize':
      case 'file':
        yield* this.#transcript?.note(type, facts, place) ?? [];
        return;
      case 'end': {
        this.#ended = true;
        yield* this.#transcript?.finish(place.atNs) ?? [];
        const { reason } = facts;
        yield {
          kind: 'end',
          atNs: place.atNs,
          how: String(facts['how']),
          ...(typeof reason === 'string' ? { reason } : {}),
        };
        return;
      }
      default:
        return;
    }
  }

  #decision({ effect, policies, message, verb, operations }: Facts, record: number): void {
    if (this.#decisions.size >= maxDecisions) this.#decisions.clear();
    this.#decisions.set(record, {
      shown: {
        effect: String(effect),
        policies: Array.isArray(policies) ? policies.map(String) : [],
        message: typeof message === 'string' ? message : '',
        record,
      },
      asked: typeof verb === 'string' ? { verb, objects: objectsOf(operations) } : undefined,
    });
  }

  #decided({ decision }: Facts) {
    return typeof decision === 'number' ? this.#decisions.get(decision) : undefined;
  }

  async *#error(facts: Facts, place: RecordPlace): AsyncGenerator<TranscriptEvent, void, void> {
    const message = String(facts['message']);
    const { detail } = facts;
    // With a decision it refuses a command, and is shown there.
    if (facts['decision'] !== undefined && this.#transcript) {
      const decided = this.#decided(facts);
      yield* this.#transcript.refusal(facts, decided?.shown, decided?.asked, place);
    } else
      yield {
        kind: 'error',
        atNs: place.atNs,
        code: String(facts['code']),
        message,
        ...(typeof detail === 'string' ? { detail } : {}),
      };
  }
}

/** Objects of all operations, each once. */
function objectsOf(operations: unknown): string[] {
  if (!Array.isArray(operations)) return [];
  const objects = operations.flatMap((operation: unknown) =>
    typeof operation === 'object' && operation !== null && 'objects' in operation ? operation.objects : [],
  );
  return [...new Set(objects.map(String))].slice(0, maxObjects);
}
