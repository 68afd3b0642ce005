import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Journal } from '#gateway/recording/journal.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import { FaultyDisk } from '../../support/faulty-disk.ts';
import { bytesOf, durable, head, newId, Recordings, read } from '../../support/recordings.ts';

let recordings: Recordings;
let disk: FaultyDisk;
let journal: Journal;
let session: SessionRecorder;
const id = newId();

async function given(fsync = false): Promise<void> {
  journal = await recordings.open({ disk, fsync });
  session = journal.openSession(id, head);
  expect(await durable(session)).toBeUndefined();
}

beforeEach(() => {
  recordings = new Recordings();
  disk = new FaultyDisk();
});
afterEach(() => recordings.remove());

/** The text is taken; gives the failure that its caller is told. */
async function say(text: string): Promise<string | undefined> {
  session.clientBytes(Buffer.from(text));
  return (await durable(session))?.code;
}

async function writable(): Promise<void> {
  while (!journal.writable) await new Promise(resolve => setTimeout(resolve, 20));
}

/** Everything the client said, as recorded; the recording holds. */
async function recorded(): Promise<string> {
  await recordings.ship();
  const reading = await read(recordings.source(id));
  expect(reading.faults).toEqual([]);
  expect(recordings.faults).toEqual([]);
  return bytesOf(reading, 'clientBytes').toString();
}

/** Bytes of journal on the disk. */
function journalBytes(): number {
  return readdirSync(recordings.spoolDir, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.journal'))
    .reduce((sum, name) => sum + statSync(join(recordings.spoolDir, name)).size, 0);
}

test('a file that could not be begun, and that the shipper saw, hides nothing of those after it', async () => {
  await given();
  await say('one ');
  const shipper = recordings.shipper();
  await shipper.pass();
  const passes: Promise<number>[] = [];
  disk.beforeWriteFails = () => passes.push(shipper.pass());

  disk.writeFailure = 'EFBIG';
  expect(await say('two ')).toBe('evidenceUnavailable');
  // The first to fail is the file in use; the others are made, seen, and removed again.
  while (passes.length < 3) await new Promise(resolve => setTimeout(resolve, 20));
  disk.writeFailure = undefined;
  await writable();
  expect(await say('three')).toBeUndefined();
  await journal.close();
  await Promise.all(passes);
  await shipper.pass();
  shipper.abandon();

  expect(await recorded()).toBe('one two three');
});

test('a spool folder that is taken away, though it takes every write, is none; it is used again when it is back', async () => {
  await given();
  await say('one ');
  const away = `${recordings.spoolDir}.away`;

  renameSync(recordings.spoolDir, away);
  while (journal.writable) await new Promise(resolve => setTimeout(resolve, 20));
  expect(await say('two ')).toBe('evidenceUnavailable');
  // As long as it is gone, a probe does not help.
  await new Promise(resolve => setTimeout(resolve, 600));
  expect(journal.writable).toBe(false);
  renameSync(away, recordings.spoolDir);
  await writable();
  expect(await say('three')).toBeUndefined();
  await journal.close();

  expect(await recorded()).toBe('one two three');
});

test('with fsync it is noticed before anybody is told that a record is durable there', async () => {
  await given(true);
  renameSync(recordings.spoolDir, `${recordings.spoolDir}.away`);

  expect(await say('one')).toBe('evidenceUnavailable');
});

describe('a disk that fails', () => {
  test.each(['EROFS', 'EIO', 'EDQUOT'])(
    'by %s refuses the turn, and is used again when it works',
    async code => {
      await given();
      expect(await say('one ')).toBeUndefined();

      disk.failure = code;
      expect(await say('two ')).toBe('evidenceUnavailable');
      expect(journal.writable).toBe(false);
      expect(session.pressure).toBe(true);
      expect(await say('three ')).toBe('evidenceUnavailable');
      const relieved = new Promise<void>(resolve => session.onRelief(resolve));
      disk.failure = undefined;
      await writable();
      await relieved;
      expect(await say('four')).toBeUndefined();
      session.end('{"how":"closed"}');
      await journal.close();

      expect(await recorded()).toBe('one two three four');
    },
  );

  test('by a short write refuses the turn, and leaves nothing half-written that counts', async () => {
    await given();

    const before = journalBytes();
    disk.room = 50;
    disk.failReserve = true;
    expect(await say('x'.repeat(5_000))).toBe('evidenceUnavailable');
    expect(journalBytes()).toBe(before);
    disk.failReserve = false;
    disk.room = Number.POSITIVE_INFINITY;
    await writable();
    session.end('{"how":"closed"}');
    await journal.close();

    expect(await recorded()).toBe('x'.repeat(5_000));
  });

  test('by a short write and cannot cut it off goes on in another file', async () => {
    await given();

    disk.truncateFailure = 'EIO';
    disk.room = 3_000;
    // Random, so that it cannot be written in less.
    const words = randomBytes(7_000).toString('base64url').slice(0, 7_000);
    expect(await say(words)).toBe('evidenceUnavailable');
    disk.room = Number.POSITIVE_INFINITY;
    await writable();
    expect(await say('!')).toBeUndefined();
    session.end('{"how":"closed"}');
    await journal.close();

    expect((await recorded()) === `${words}!`).toBe(true);
  });

  test('in one file goes on in another', async () => {
    await given();

    disk.breakOpenFiles();
    expect(await say('one ')).toBe('evidenceUnavailable');
    await writable();
    expect(await say('two')).toBeUndefined();
    session.end('{"how":"closed"}');
    await journal.close();

    expect(await recorded()).toBe('one two');
  });

  test('that takes a few bytes at a time is no failure', async () => {
    await given();

    disk.largestWrite = 7;
    expect(await say('slowly '.repeat(100))).toBeUndefined();
    session.end('{"how":"closed"}');
    await journal.close();

    expect(await recorded()).toBe('slowly '.repeat(100));
  });

  test('and is full still takes the errors and ends of open sessions, out of the reserve', async () => {
    await given();

    disk.room = 0;
    expect(await say('refused')).toBe('evidenceUnavailable');
    session.error('{"code":"evidenceUnavailable","message":"the disk is full"}');
    session.end('{"how":"evidenceUnavailable"}');
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(journal.writable).toBe(false);
    // What the process is about to do cannot change what is on the disk already.
    disk.failure = 'EIO';
    await expect(journal.close()).resolves.toBeUndefined();

    await recordings.ship();
    const reading = await read(recordings.source(id));
    expect(reading.records.map(({ type }) => type)).toEqual(['open', 'clientBytes', 'error', 'end']);
  });

  test('in the middle of a large turn refuses all of it, and later has all of it', async () => {
    await given();
    const chunk = Buffer.alloc(60_000, 'b');

    disk.room = 2_500_000;
    for (let index = 0; index < 60; index++) session.clientBytes(randomBytes(chunk.length));
    expect((await durable(session))?.code).toBe('evidenceUnavailable');
    disk.room = Number.POSITIVE_INFINITY;
    await writable();
    session.end('{"how":"closed"}');
    await journal.close();

    await recordings.ship();
    const reading = await read(recordings.source(id));
    expect(reading.faults).toEqual([]);
    expect(bytesOf(reading, 'clientBytes').length).toBe(60 * chunk.length);
  });

  test('for so long that memory would be needed without end takes no more', async () => {
    await given();

    const noise = randomBytes(1024 * 1024);
    disk.failure = 'EROFS';
    const flood = () => {
      for (let index = 0; index < 100; index++) session.clientBytes(noise);
    };
    await expect(
      (async () => {
        for (let turn = 0; turn < 3; turn++) {
          flood();
          await durable(session);
        }
      })(),
    ).rejects.toMatchObject({ code: 'evidenceUnavailable' });
    session.end('{"how":"evidenceUnavailable"}');

    disk.failure = undefined;
    await writable();
    await journal.close();
    await recordings.ship();
    expect((await read(recordings.source(id))).faults).toEqual([]);
  }, 30_000);
});

describe('with fsync', () => {
  test('callers are told when the disk has it', async () => {
    await given(true);

    expect(await say('synced')).toBeUndefined();
    session.end('{"how":"closed"}');
    expect(await durable(session)).toBeUndefined();
    await journal.close();

    expect(await recorded()).toBe('synced');
  });

  test('a sync that fails refuses all that waited for it, and the file is not used again', async () => {
    await given(true);

    disk.syncFailure = 'EIO';
    expect(await say('unsure ')).toBe('evidenceUnavailable');
    disk.syncFailure = undefined;
    await writable();
    expect(await say('sure')).toBeUndefined();
    session.end('{"how":"closed"}');
    await journal.close();

    expect(await recorded()).toBe('unsure sure');
  });
});

test('a spool that cannot be made is said when the journal opens', async () => {
  disk.failure = 'EROFS';

  await expect(recordings.open({ disk })).rejects.toMatchObject({ code: 'evidenceUnavailable' });
});
