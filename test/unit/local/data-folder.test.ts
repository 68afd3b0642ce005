import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FolderInUse, openDataFolder } from '#local/data-folder.ts';

let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'sallyport-data-'));
});

afterEach(() => rm(path, { recursive: true }));

describe('the data folder', () => {
  test('is held by one stack at a time, and says by whom', async () => {
    const first = await openDataFolder(path);

    const second = await openDataFolder(path).catch((error: unknown) => error);
    first.release();
    const third = await openDataFolder(path);
    third.release();

    expect(second).toBeInstanceOf(FolderInUse);
    expect((second as FolderInUse).pid).toBe(process.pid);
  });

  test('loses what a stack made when it is reset, and nothing else', async () => {
    await mkdir(join(path, 'recordings'));
    await writeFile(join(path, 'recordings', 'one'), '');
    await writeFile(join(path, 'my-notes'), '');

    const folder = await openDataFolder(path);
    await folder.reset();
    folder.release();

    expect((await readdir(path)).sort()).toEqual(['lock', 'my-notes', 'owner.json']);
  });
});
