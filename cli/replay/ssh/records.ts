import type { Facts } from '#cli/replay/events.ts';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { JsonRecord } from '#lib/evidence/json-record.ts';
import { readSession, type SessionSource } from '#lib/evidence/reader.ts';
import type { RecordName } from '#lib/evidence/record.ts';

/** A session's records with their JSON read. Bytes are views: copy what is kept. */
export type ReadRecord =
  | {
      readonly kind: 'bytes';
      readonly from: 'client' | 'server';
      readonly stream: number;
      readonly bytes: Buffer;
      readonly atNs: number;
    }
  | {
      readonly kind: 'facts';
      readonly type: RecordName;
      readonly facts: Facts;
      readonly sequence: number;
      readonly supplement: boolean;
      readonly atNs: number;
    }
  | { readonly kind: 'fault'; readonly fault: EvidenceFault };

/** Reads and verifies a session; what is wrong comes in its place. */
export async function* readRecords(source: SessionSource): AsyncGenerator<ReadRecord, void, void> {
  const json = new Map<RecordName, JsonRecord>();
  const starts = new Map<RecordName, number>();
  for await (const event of readSession(source)) {
    if (event.kind === 'fault') yield event;
    if (event.kind !== 'record') continue;
    const { type, channel: stream, payload: bytes, elapsedNs: atNs, supplement } = event.record;
    if (type === 'clientBytes' || type === 'serverBytes') {
      yield { kind: 'bytes', from: type === 'clientBytes' ? 'client' : 'server', stream, bytes, atNs };
      continue;
    }
    const sequence = starts.get(type) ?? event.record.sequence;
    const reader = json.get(type) ?? new JsonRecord();
    json.set(type, reader);
    try {
      const value = reader.add(event.record);
      if (value === undefined) {
        starts.set(type, sequence);
        continue;
      }
      starts.delete(type);
      if (typeof value !== 'object' || value === null) continue;
      yield { kind: 'facts', type, facts: value as Facts, sequence, supplement, atNs };
    } catch (cause) {
      if (!(cause instanceof EvidenceFault)) throw cause;
      yield { kind: 'fault', fault: cause };
    }
  }
}
