import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Disk } from '#gateway/recording/disk.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';
import { bytesOf, durable, head, newId, Recordings, read } from '../support/recordings.ts';

const diskBytes = 4 * 1024 * 1024;

let recordings: Recordings;
let small: { readonly disk?: Disk; free(): void; unmount(): void };
beforeEach(() => {
  recordings = new Recordings();
  mkdirSync(recordings.spoolDir);
  small = mounted() ?? imagined();
});
afterEach(() => {
  small.unmount();
  recordings.remove();
});

/** A file system of its own under the spool folder, where we may mount one. */
function mounted(): typeof small | undefined {
  const { spoolDir } = recordings;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', spoolDir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const filler = join(spoolDir, 'filler');
  writeFileSync(filler, randomBytes(diskBytes / 4));
  return {
    free: () => rmSync(filler),
    unmount: () => execFileSync('umount', ['--lazy', spoolDir]),
  };
}

/** The same behaviour out of a disk that counts. */
function imagined(): typeof small {
  const disk = new FaultyDisk();
  disk.room = (diskBytes * 3) / 4;
  return {
    disk,
    free: () => {
      disk.room += diskBytes / 4;
    },
    unmount: () => {},
  };
}

describe('a disk that is full', () => {
  test('refuses what it cannot hold, keeps all that it was said to hold, and is used again when there is room', async () => {
    const journal = await recordings.open(small.disk === undefined ? {} : { disk: small.disk });
    const [id, laterId] = [newId(), newId()];
    const session = journal.openSession(id, head);
    const told: Buffer[] = [];
    const taken: Buffer[] = [];

    for (;;) {
      const chunk = randomBytes(50_000);
      session.clientBytes(chunk);
      taken.push(chunk);
      const failure = await durable(session);
      if (failure !== undefined) {
        expect(failure.code).toBe('evidenceUnavailable');
        break;
      }
      told.push(chunk);
    }
    expect(told.length).toBeGreaterThan(10);
    expect(journal.writable).toBe(false);
    session.error('{"code":"evidenceUnavailable","message":"the disk is full"}');
    session.end('{"how":"evidenceUnavailable"}');
    expect((await durable(session))?.code).toBe('evidenceUnavailable');
    small.free();
    while (!journal.writable) await new Promise(resolve => setTimeout(resolve, 50));
    const later = journal.openSession(laterId, head);
    later.clientBytes(Buffer.from('again'));
    expect(await durable(later)).toBeUndefined();
    later.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();

    const reading = await read(recordings.source(id));
    expect(reading.faults).toEqual([]);
    const found = bytesOf(reading, 'clientBytes');
    expect(found.subarray(0, told.length * 50_000).equals(Buffer.concat(told))).toBe(true);
    expect(found.equals(Buffer.concat(taken))).toBe(true);
    expect(reading.records.slice(-2).map(({ type }) => type)).toEqual(['error', 'end']);
    expect(bytesOf(await read(recordings.source(laterId)), 'clientBytes').toString()).toBe('again');
  }, 30_000);

  test('of the recordings stops nothing: the spool is kept, and shipped when there is room again', async () => {
    const journal = await recordings.open(small.disk === undefined ? {} : { disk: small.disk });
    const id = newId();
    const session = journal.openSession(id, head);
    session.clientBytes(Buffer.from('kept'));
    session.end('{"how":"closed"}');
    await journal.close();
    // A file where the folder of the recordings belongs: nothing can be written below it.
    writeFileSync(recordings.recordingsDir, '');
    let stop = false;
    const shipping = recordings.shipper().run(() => stop);
    while (recordings.faults.length < 2) await new Promise(resolve => setTimeout(resolve, 20));

    rmSync(recordings.recordingsDir);
    stop = true;
    await shipping;

    expect(bytesOf(await read(recordings.source(id)), 'clientBytes').toString()).toBe('kept');
  }, 30_000);
});
