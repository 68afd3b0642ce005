import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tagBytes } from '#gateway/recording/block.ts';
import { OpenSessions } from '#gateway/recording/open-sessions.ts';
import { Pressure } from '#gateway/recording/pressure.ts';
import { SpoolWriter } from '#gateway/recording/spool-writer.ts';
import { FaultyDisk } from '../../support/faulty-disk.ts';

let dir: string;
let disk: FaultyDisk;
let writer: SpoolWriter;
/** What the writer will be given when it asks. */
let inHand: string[];
let recovered: Promise<void>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-writer-'));
  disk = new FaultyDisk();
  inHand = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  recovered = promise;
  writer = new SpoolWriter({
    disk,
    dir,
    fsync: false,
    tag: randomBytes(tagBytes),
    sessions: new OpenSessions(),
    pressure: new Pressure(dir, 1024 ** 3, () => {}),
    drain: () => {
      for (const text of inHand.splice(0)) write(text);
    },
    onFailure: () => {},
    onRecovery: resolve,
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(text: string): void {
  const bytes = Buffer.from(text);
  writer.write(bytes, bytes.length);
}

/** Every word that was written, in order. */
function written(): string[] {
  const names = readdirSync(dir).filter(name => name.endsWith('.journal'));
  const text = names.sort().map(name => readFileSync(join(dir, name), 'latin1'));
  return text.join('').match(/<\w+>/g) ?? [];
}

test('when the disk is back, what was taken meanwhile is written before anybody goes on, once and in order', async () => {
  write('<one>');
  disk.failure = 'EIO';
  write('<two>');
  write('<three>');
  inHand.push('<four>');
  disk.failure = undefined;

  await recovered;

  expect(written()).toEqual(['<one>', '<two>', '<three>', '<four>']);
  writer.close();
  expect(written()).toEqual(['<one>', '<two>', '<three>', '<four>']);
});

test('the reserve of a full disk is for all that is in hand', () => {
  write('<one>');
  disk.room = 0;
  inHand.push('<three>');

  write('<two>');

  expect(writer.writable).toBe(false);
  expect(written()).toEqual(['<one>', '<two>', '<three>']);
  writer.close();
});

test('closing writes what is in hand, and gives the reserve back', () => {
  write('<one>');
  inHand.push('<two>');

  writer.close();

  expect(written()).toEqual(['<one>', '<two>']);
  expect(readdirSync(dir)).not.toContain('reserve');
});
