/** What the recordings say, read by the product's own reader after the shipper has done its work. */
import { readdir } from 'node:fs/promises';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { JsonRecord } from '#lib/evidence/json-record.ts';
import { readSession } from '#lib/evidence/reader.ts';
import type { RecordName } from '#lib/evidence/record.ts';
import type { CommandRecord, OpenRecord, SessionEnd } from '#lib/evidence/session.ts';

export interface Recording {
  readonly id: string;
  readonly open: OpenRecord | undefined;
  readonly end: SessionEnd | undefined;
  /** It has been closed: by its end record, or as lost. */
  readonly final: boolean;
  /** What its reader found wrong with it. */
  readonly faults: readonly string[];
  readonly commands: readonly CommandRecord[];
  readonly decisions: readonly Record<string, unknown>[];
  readonly errors: readonly Record<string, unknown>[];
  readonly clientBytes: Buffer;
  /** How many bytes went to the client. */
  readonly serverByteCount: number;
}

export async function readRecordings(folder: string): Promise<Recording[]> {
  const ids = await readdir(folder);
  return Promise.all(ids.filter(id => /^[0-9a-f-]{36}$/.test(id)).map(id => readRecording(folder, id)));
}

export async function readRecording(folder: string, id: string): Promise<Recording> {
  const json = new Map<RecordName, JsonRecord>();
  const values: Record<'command' | 'decision' | 'error', unknown[]> = {
    command: [],
    decision: [],
    error: [],
  };
  const clientBytes: Buffer[] = [];
  const faults: string[] = [];
  let open: OpenRecord | undefined;
  let end: SessionEnd | undefined;
  let final = false;
  let serverByteCount = 0;
  for await (const event of readSession(new SessionFolder(folder, id))) {
    if (event.kind === 'fault') faults.push(`${event.fault.kind}: ${event.fault.message}`);
    if (event.kind === 'summary') final = event.final;
    if (event.kind !== 'record') continue;
    const { record } = event;
    if (record.type === 'clientBytes') clientBytes.push(Buffer.from(record.payload));
    if (record.type === 'serverBytes') serverByteCount += record.payload.length;
    if (!isJson(record.type)) continue;
    const collector = json.get(record.type) ?? new JsonRecord();
    json.set(record.type, collector);
    const value = collector.add(record);
    if (value === undefined) continue;
    if (record.type === 'open') open = value as OpenRecord;
    else if (record.type === 'end') end = value as SessionEnd;
    else values[record.type].push(value);
  }
  return {
    id,
    open,
    end,
    final,
    faults,
    commands: values.command as CommandRecord[],
    decisions: values.decision as Record<string, unknown>[],
    errors: values.error as Record<string, unknown>[],
    clientBytes: Buffer.concat(clientBytes),
    serverByteCount,
  };
}

const isJson = (type: RecordName): type is 'open' | 'end' | 'command' | 'decision' | 'error' =>
  type === 'open' || type === 'end' || type === 'command' || type === 'decision' || type === 'error';
