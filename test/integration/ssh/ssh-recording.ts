/** What the recording of an SSH session says, read by the product's own reader once it is closed. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { JsonRecord } from '#lib/evidence/json-record.ts';
import { manifestFileName } from '#lib/evidence/manifest.ts';
import { readSession } from '#lib/evidence/reader.ts';
import type { EvidenceRecord } from '#lib/evidence/record.ts';
import type { OpenRecord, SessionEnd } from '#lib/evidence/session.ts';
import { eventually } from '../support/eventually.ts';

/** JSON of a record, whatever its type has. */
export type Facts = Readonly<Record<string, unknown>>;

/** One direction of one stream of a channel. */
export interface Flow {
  readonly bytes: number;
  /** Of all of it, in lower-case hex. */
  readonly sha256: string;
  /** The first MiB. */
  readonly head: Buffer;
}

export interface SshRecording {
  readonly id: string;
  readonly open: OpenRecord | undefined;
  readonly end: SessionEnd | undefined;
  /** What its reader found wrong with it. */
  readonly faults: readonly string[];
  /** What ran, with what its supplements add (`exit`, `connections`). */
  readonly commands: readonly Facts[];
  /** What did not: the refusals that the client was told of. */
  readonly refusals: readonly Facts[];
  readonly decisions: readonly Facts[];
  readonly files: readonly Facts[];
  readonly notices: readonly Facts[];
  readonly resizes: readonly Facts[];
  /** What the client sent in a stream (2k: standard input of the k-th channel). */
  fromClient(stream: number): Flow;
  /** What it was sent (2k: standard output, 2k+1: standard error). */
  toClient(stream: number): Flow;
  /** Everything that is text in it, for a search for what must not be there. */
  readonly everything: Buffer;
}

const headBytes = 1024 ** 2;

/** Sessions that a folder holds, by id. */
export async function sessionIds(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter(id => /^[0-9a-f-]{36}$/.test(id));
}

/** The recordings of sessions that began while `action` ran, once they are closed; waits for `count` of them. */
export async function recordingsOf<T>(
  folder: string,
  action: () => Promise<T>,
  count = 1,
): Promise<{ readonly value: T; readonly recordings: readonly SshRecording[] }> {
  const before = new Set(await sessionIds(folder));
  // Of a session before it, the first files may come only now. The gateway has the same clock.
  const beganAt = Date.now();
  const value = await action();
  const read = new Map<string, SshRecording>();
  const recordings = await eventually(
    `${count} recordings are closed`,
    async () => {
      for (const id of await sessionIds(folder)) {
        if (before.has(id) || read.has(id)) continue;
        if (!(await readdir(join(folder, id))).includes(manifestFileName)) return false;
        read.set(id, await readSshRecording(folder, id));
      }
      const found = [...read.values()].filter(({ open }) => (open?.startedAt ?? 0) >= beganAt);
      return found.length >= count && found;
    },
    30_000,
  );
  return { value, recordings: recordings.sort((one, other) => startOf(one) - startOf(other)) };
}

const startOf = ({ open }: SshRecording) => open?.startedAt ?? 0;

export async function readSshRecording(folder: string, id: string): Promise<SshRecording> {
  const json = new Map<string, JsonRecord>();
  const facts: Record<string, { sequence: number; refused: boolean; supplement: boolean; value: Facts }[]> =
    {};
  const flows = new Map<string, FlowReader>();
  const text: Buffer[] = [];
  const faults: string[] = [];
  let firstSequence: number | undefined;
  const take = (record: EvidenceRecord) => {
    if (record.type === 'clientBytes' || record.type === 'serverBytes') {
      const name = `${record.type} ${record.channel}`;
      const flow = flows.get(name) ?? new FlowReader();
      flows.set(name, flow.add(record.payload));
      return;
    }
    text.push(Buffer.from(record.payload));
    const collector = json.get(record.type) ?? new JsonRecord();
    json.set(record.type, collector);
    firstSequence ??= record.sequence;
    const value = collector.add(record);
    if (value === undefined) return;
    const { refused, supplement } = record;
    facts[record.type] ??= [];
    facts[record.type]!.push({ sequence: firstSequence, refused, supplement, value: value as Facts });
    firstSequence = undefined;
  };
  for await (const event of readSession(new SessionFolder(folder, id))) {
    if (event.kind === 'fault') faults.push(`${event.fault.kind}: ${event.fault.message}`);
    if (event.kind === 'record') take(event.record);
  }
  const values = (type: string) => (facts[type] ?? []).map(({ value }) => value);
  const done = (name: string) => (flows.get(name) ?? new FlowReader()).done();
  return {
    id,
    open: values('open')[0] as OpenRecord | undefined,
    end: values('end')[0] as SessionEnd | undefined,
    faults,
    commands: completed(facts['command'] ?? []),
    refusals: (facts['error'] ?? []).filter(({ refused }) => refused).map(({ value }) => value),
    decisions: values('decision'),
    files: values('file'),
    notices: values('notice'),
    resizes: values('resize'),
    fromClient: stream => done(`clientBytes ${stream}`),
    toClient: stream => done(`serverBytes ${stream}`),
    get everything() {
      return Buffer.concat([...text, ...[...flows.values()].map(flow => flow.done().head)]);
    },
  };
}

/** Commands, each with what later records say of it. */
function completed(
  records: readonly { readonly sequence: number; readonly supplement: boolean; readonly value: Facts }[],
): Facts[] {
  const commands = new Map<number, Record<string, unknown>>();
  for (const { sequence, supplement, value } of records) {
    if (!supplement) {
      commands.set(sequence, { ...value });
      continue;
    }
    const { of, connection, ...rest } = value;
    const command = commands.get(of as number);
    if (command === undefined) throw new Error(`a supplement of command ${of}, which there is not`);
    Object.assign(command, rest);
    if (connection) command['connections'] = [...((command['connections'] as unknown[]) ?? []), connection];
  }
  return [...commands.values()];
}

class FlowReader {
  readonly #hash = createHash('sha256');
  readonly #head: Buffer[] = [];
  #bytes = 0;

  add(payload: Buffer): this {
    this.#hash.update(payload);
    if (this.#bytes < headBytes) this.#head.push(Buffer.from(payload));
    this.#bytes += payload.length;
    return this;
  }

  done(): Flow {
    return {
      bytes: this.#bytes,
      sha256: this.#hash.copy().digest('hex'),
      head: Buffer.concat(this.#head).subarray(0, headBytes),
    };
  }
}
