import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blockHeaderBytes, tagBytes } from '#gateway/recording/block.ts';
import { Shipper } from '#gateway/recording/shipper/shipper.ts';
import { journalFileTitle } from '#gateway/recording/spool-file.ts';
import { readSegment } from '#lib/evidence/segment.ts';
import { bytesOf, commandJson, durable, head, newId, Recordings, read } from '../../support/recordings.ts';

let recordings: Recordings;
beforeEach(() => {
  recordings = new Recordings();
});
afterEach(() => recordings.remove());

const files = (id: string): string[] => {
  try {
    return readdirSync(join(recordings.recordingsDir, id)).sort();
  } catch {
    return [];
  }
};

/** The only journal file of the only task. */
function journalFile(): string {
  const [task] = readdirSync(recordings.spoolDir).filter(name => name.startsWith('task-1.'));
  return join(recordings.spoolDir, task!, '000000.journal');
}

describe('the shipper', () => {
  test('closes a segment after five seconds, and makes none where there is nothing', async () => {
    let nowMs = 0;
    const shipper = recordings.shipper(() => nowMs);
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    await durable(session);

    await shipper.pass();
    nowMs = 4_900;
    await shipper.pass();
    expect(files(id)).toEqual([]);
    nowMs = 5_000;
    await shipper.pass();
    expect(files(id)).toEqual(['000000.seg']);
    nowMs = 60_000;
    await shipper.pass();

    expect(files(id)).toEqual(['000000.seg']);
    expect(await read(recordings.source(id))).toMatchObject({ faults: [], summary: { final: false } });
    await journal.close();
    await shipper.pass();
    shipper.abandon();
  });

  test('closes a segment at one MiB of what is stored', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    const noise = Buffer.alloc(2.5 * 1024 * 1024).map(() => (Math.random() * 256) | 0);
    session.serverBytes(noise);
    session.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();

    expect(files(id)).toEqual(['000000.seg', '000001.seg', '000002.seg', 'session.json']);
    const reading = await read(recordings.source(id));
    expect(reading.faults).toEqual([]);
    expect(bytesOf(reading, 'serverBytes').equals(noise)).toBe(true);
  });

  test('copies the gateway’s frames as they are', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    session.serverBytes(Buffer.alloc(100_000, 'row '));
    session.end('{"how":"closed"}');
    await journal.close();
    const spooled = readFileSync(journalFile());
    await recordings.ship();

    const { frames } = readSegment(readFileSync(join(recordings.recordingsDir, id, '000000.seg')));
    expect(frames.some(({ frame }) => spooled.includes(frame))).toBe(true);
  });

  test('ends a session that its task left open as lost, with the reason', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    session.command(commandJson(0), false);
    await journal.close();
    await recordings.ship();

    const manifest = JSON.parse(readFileSync(join(recordings.recordingsDir, id, 'session.json'), 'utf8'));
    expect(manifest).toMatchObject({
      end: { how: 'lost', reason: expect.any(String) },
      totals: { commands: 1 },
    });
    expect((await read(recordings.source(id))).faults).toEqual([]);
  });

  test('ends as lost even a session of which every byte was shipped and given back long ago', async () => {
    let nowMs = 0;
    const journal = await recordings.open({ maxBytes: 8 * 1024 * 1024 });
    const [quiet, loud] = [newId(), newId()];
    await durable(journal.openSession(quiet, head));
    const session = journal.openSession(loud, head);
    const noise = Buffer.alloc(64 * 1024).map(() => (Math.random() * 256) | 0);
    const before = recordings.shipper(() => nowMs);
    for (let index = 0; index < 60; index++) {
      session.serverBytes(noise);
      await durable(session);
      nowMs += 1_000;
      await before.pass();
    }
    const [task] = readdirSync(recordings.spoolDir).filter(name => name.startsWith('task-1.'));
    const left = readdirSync(join(recordings.spoolDir, task!)).filter(name => name.endsWith('.journal'));
    expect(left).not.toContain('000000.journal');

    // A shipper that knows nothing but what is on the disk now.
    before.abandon();
    await journal.close();
    await recordings.ship();

    expect((await read(recordings.source(quiet))).summary.final).toBe(true);
    expect((await read(recordings.source(loud))).summary.final).toBe(true);
    expect(readdirSync(recordings.spoolDir)).toEqual([]);
  });

  test('leaves what a running task has not finished', async () => {
    const journal = await recordings.open();
    const id = newId();
    await durable(journal.openSession(id, head));

    await recordings.ship();

    expect(files(id)).toEqual([]);
    await journal.close();
  });

  test('ships a task’s spool again after it was stopped in the middle, without a trace', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    session.clientBytes(Buffer.from('before'));
    await durable(session);
    // One shipper seals the beginning and vanishes; another one writes a part and vanishes.
    let nowMs = 0;
    const first = recordings.shipper(() => nowMs);
    await first.pass();
    nowMs = 9_000;
    await first.pass();
    first.abandon();
    session.clientBytes(Buffer.from(' after'));
    session.end('{"how":"closed"}');
    await journal.close();
    writeFileSync(join(recordings.recordingsDir, id, '000001.seg.part'), 'half of it');
    writeFileSync(join(recordings.recordingsDir, id, 'session.json.part'), 'half of it');

    await recordings.ship();

    const reading = await read(recordings.source(id));
    expect(reading.faults).toEqual([]);
    expect(bytesOf(reading, 'clientBytes').toString()).toBe('before after');
    expect(files(id)).toEqual(['000000.seg', '000001.seg', 'session.json']);
  });

  test('passes over bytes that rot in the journal, says where, and the recording names the gap', async () => {
    const journal = await recordings.open();
    const [damaged, whole] = [newId(), newId()];
    const [one, two] = [journal.openSession(damaged, head), journal.openSession(whole, head)];
    for (const [index, session] of [one, two, one, two].entries()) {
      session.clientBytes(Buffer.from(`message ${index}`));
      await durable(session);
    }
    one.end('{"how":"closed"}');
    two.end('{"how":"closed"}');
    await journal.close();
    const bytes = readFileSync(journalFile());
    bytes[bytes.indexOf('message 2')]! ^= 1;
    writeFileSync(journalFile(), bytes);

    await recordings.ship();

    expect(recordings.faults.some(text => text.startsWith('the journal is damaged'))).toBe(true);
    expect((await read(recordings.source(damaged))).faults.map(({ kind }) => kind)).toContain('sequenceGap');
    const reading = await read(recordings.source(whole));
    expect(reading.faults).toEqual([]);
    expect(bytesOf(reading, 'clientBytes').toString()).toBe('message 1message 3');
  });

  test('takes nothing that a client sent for a block, even where the block around it is torn', async () => {
    // A client that knows the format sends a journal block in which somebody else does something.
    const other = await recordings.open({ taskId: 'other' });
    const victim = newId();
    other.openSession(victim, head).command(commandJson(0), false);
    await other.close();
    const [folder] = readdirSync(recordings.spoolDir);
    const forged = readFileSync(join(recordings.spoolDir, folder!, '000000.journal')).subarray(
      journalFileTitle.length + tagBytes,
    );
    await recordings.ship();
    rmSync(join(recordings.recordingsDir, victim), { recursive: true });
    const journal = await recordings.open();
    const session = journal.openSession(newId(), head);
    await durable(session);
    // Small enough to stand in the journal as it is.
    const tail = Buffer.concat([forged, Buffer.alloc(3_900 - forged.length)]);
    session.clientBytes(tail);
    await durable(session);
    await journal.close();
    const bytes = readFileSync(journalFile());
    writeFileSync(journalFile(), bytes.subarray(0, bytes.length - 1_000));
    expect(bytes.includes(forged.subarray(blockHeaderBytes))).toBe(true);

    await recordings.ship();

    expect(files(victim)).toEqual([]);
    expect(recordings.faults).toEqual([]);
  });

  test('writes segments that any zstd decompressor reads', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);
    session.clientBytes(Buffer.from('for everybody'));
    session.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();
    const bytes = readFileSync(join(recordings.recordingsDir, id, '000000.seg'));
    const { frames } = readSegment(bytes);

    const first = frames[0]!;
    expect(bytes.readUInt32LE(0)).toBe(0x184d2a50);
    expect(zstdDecompressSync(bytes.subarray(first.offset)).includes('for everybody')).toBe(true);
  });

  test('is not stopped by a folder that is none of its own', async () => {
    mkdirSync(join(recordings.spoolDir, '.hidden'), { recursive: true });
    writeFileSync(join(recordings.spoolDir, 'a file'), '');

    await recordings.ship();

    expect(readdirSync(recordings.spoolDir)).toEqual(['.hidden', 'a file']);
  });
});

test('a shipper whose gateway and whose spool are gone ends', async () => {
  const shipper = new Shipper({
    spoolDir: '/nonexistent/spool',
    recordingsDir: '/nonexistent/recordings',
    fsync: false,
    onFault: () => {},
  });

  await expect(shipper.run(() => true)).resolves.toBeUndefined();
});
