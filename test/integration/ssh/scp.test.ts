import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { long, mebibyte, randomFile, sha256Of } from './files.ts';
import { type SshOptions, type SshStack, startSshStack } from './ssh-stack.ts';

const largeBytes = (long ? 1024 : 32) * mebibyte;
const transferMs = long ? 900_000 : 100_000;

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

const scp = (person: 'dev' | 'dba', args: readonly string[], options: SshOptions = {}) =>
  sut.stock(person, 'scp', args, { timeoutMs: transferMs, ...options });

describe.each([
  ['over SFTP', 'sftp', []],
  ['in its old form', 'old', ['-O']],
] as const)('scp %s', (_, name, form) => {
  const here = (part: string) => join(sut.folder, `${name}-${part}`);
  const there = (part: string) => join(sut.place, `${name}-${part}`);

  test(
    `${largeBytes / mebibyte} MiB go there and come back as they were, and the recording knows their SHA-256`,
    async () => {
      const digest = await randomFile(here('large'), largeBytes);

      const up = await sut.recordedOne(() => scp('dev', [...form, here('large'), `gw:${there('large')}`]));
      const down = await sut.recordedOne(() => scp('dev', [...form, `gw:${there('large')}`, here('back')]));

      for (const { value, recording } of [up, down]) {
        expect(value).toMatchObject({ code: 0, stderr: '' });
        expect(recording.faults).toEqual([]);
      }
      expect(await sha256Of(there('large'))).toBe(digest);
      expect(await sha256Of(here('back'))).toBe(digest);
      const file = { path: there('large'), bytes: largeBytes, sha256: digest };
      expect(up.recording.files).toEqual([expect.objectContaining({ ...file, direction: 'write' })]);
      expect(down.recording.files).toEqual([expect.objectContaining({ ...file, direction: 'read' })]);
    },
    3 * transferMs,
  );

  test('folders go there with all that is in them', async () => {
    await mkdir(here('tree/a/b'), { recursive: true });
    const digests = [
      await randomFile(here('tree/one'), 5),
      await randomFile(here('tree/a/two'), 70_000),
      await randomFile(here('tree/a/b/none'), 0),
    ];

    const { value: end, recording } = await sut.recordedOne(() =>
      scp('dev', [...form, '-r', '-p', here('tree'), `gw:${there('tree')}`]),
    );

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(await sha256Of(there('tree/a/two'))).toBe(digests[1]);
    expect((await readdir(there('tree'), { recursive: true })).sort()).toEqual([
      'a',
      'a/b',
      'a/b/none',
      'a/two',
      'one',
    ]);
    expect(recording.files.map(({ sha256 }) => sha256).sort()).toEqual(digests.sort());
  });

  test('a file where nobody may write is refused, is not made, and the recording says so', async () => {
    await randomFile(here('refused'), 100);
    const outside = `/var/tmp/sallyport-${name}-${process.pid}`;

    const { value: end, recording } = await sut.recordedOne(() =>
      scp('dev', [...form, here('refused'), `gw:${outside}`]),
    );

    expect(end.code).not.toBe(0);
    expect(await readdir('/var/tmp')).not.toContain(`sallyport-${name}-${process.pid}`);
    expect(recording.refusals.length).toBeGreaterThan(0);
    expect(recording.files).toEqual([]);
    expect(JSON.stringify(recording.decisions)).toContain(outside);
  });

  test('what is not there is said to be so', async () => {
    const end = await scp('dev', [...form, `gw:${there('nothing')}`, here('nothing')]);

    expect(end.code).toBe(1);
    expect(end.stderr).toContain('No such file');
  });
});
