import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal, type JournalOptions } from '#gateway/recording/journal.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import { Shipper } from '#gateway/recording/shipper/shipper.ts';
import type { SallyportError } from '#lib/errors.ts';
import type { EvidenceFault } from '#lib/evidence/fault.ts';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { readSession, type SessionEvent, type SessionSource } from '#lib/evidence/reader.ts';
import type { RecordName } from '#lib/evidence/record.ts';
import type { SessionHead } from '#lib/evidence/session.ts';

export const head: SessionHead = {
  protocol: 'postgres',
  principal: {
    issuer: 'https://id.example.com',
    subject: 'u-1',
    name: 'dev@example.com',
    kind: 'human',
    groups: ['developers'],
    expiresAt: 1_900_000_000,
  },
  target: 'shop',
  place: 'shop',
  clientAddress: '192.0.2.7:50123',
  policyVersion: 'sha256:00',
};

/** A spool and a recordings folder of a test's own, gone when the test is over. */
export class Recordings {
  readonly dir = mkdtempSync(join(tmpdir(), 'sallyport-recordings-'));
  readonly spoolDir = join(this.dir, 'spool');
  readonly recordingsDir = join(this.dir, 'recordings');
  readonly faults: string[] = [];

  async open(options: Partial<JournalOptions> = {}): Promise<Journal> {
    return await Journal.open({
      dir: this.spoolDir,
      taskId: 'task-1',
      maxBytes: 1024 ** 3,
      fsync: false,
      ...options,
    });
  }

  shipper(nowMs?: () => number): Shipper {
    return new Shipper({
      spoolDir: this.spoolDir,
      recordingsDir: this.recordingsDir,
      fsync: false,
      onFault: (message, { err }) => this.faults.push(`${message} ${String(err ?? '')}`),
      ...(nowMs === undefined ? {} : { nowMs }),
    });
  }

  /** Ships all that tasks which are over have left. */
  async ship(): Promise<void> {
    const shipper = this.shipper();
    await shipper.pass();
    shipper.abandon();
  }

  source(id: string): SessionFolder {
    return new SessionFolder(this.recordingsDir, id);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What a session's recording says, put together. */
export interface Reading {
  readonly records: readonly {
    type: RecordName;
    sequence: number;
    channel: number;
    refused: boolean;
    payload: Buffer;
  }[];
  readonly faults: readonly EvidenceFault[];
  readonly summary: SessionEvent & { kind: 'summary' };
}

export async function read(source: SessionSource): Promise<Reading> {
  const records: Reading['records'][number][] = [];
  const faults: EvidenceFault[] = [];
  for await (const event of readSession(source)) {
    if (event.kind === 'summary') return { records, faults, summary: event };
    if (event.kind === 'fault') faults.push(event.fault);
    else {
      const { type, sequence, channel, refused, payload } = event.record;
      records.push({ type, sequence, channel, refused, payload: Buffer.from(payload) });
    }
  }
  throw new Error('a reading ends with its summary');
}

/** All bytes of one direction and channel. */
export function bytesOf({ records }: Reading, type: RecordName, channel = 0): Buffer {
  return Buffer.concat(
    records
      .filter(record => record.type === type && record.channel === channel)
      .map(({ payload }) => payload),
  );
}

/** The failure that the recorder reports for what it took so far; undefined when all is durable. */
export const durable = (recorder: SessionRecorder): Promise<SallyportError | undefined> =>
  new Promise(resolve => recorder.whenDurable(resolve));

export const commandJson = (decision: number, kind = 'simple'): string =>
  `{"decision":${decision},"sha256":"${'0'.repeat(64)}","bytes":8,"level":"local","kind":"${kind}"}`;

export const decisionJson = (effect: 'allow' | 'deny'): string =>
  JSON.stringify({
    effect,
    policies: ['readers'],
    message: '',
    durability: 'local',
    version: 'v',
    inputDigest: '',
  });

export const newId = (): string => randomUUID();
