import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { long, manyFiles, mebibyte, randomFile, sha256Of } from './files.ts';
import { type SshOptions, type SshStack, startSshStack } from './ssh-stack.ts';

const manyCount = long ? 10_000 : 500;

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack({
    policies: `
@id("kept-as-it-is")
@message("What is kept is read and not changed.")
forbid(principal, action in Action::"write", resource == Target::"web-1")
when { context.object like "*/kept/*" || context.object like "*/kept" };
@id("secrets-stay")
@message("Nobody reads what is secret.")
forbid(principal, action == Action::"sftp:read", resource == Target::"web-1")
when { context.object like "*/secret/*" };`,
  });
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

/** A folder of its own at the target for a test, open to the account there. */
async function folderFor(name: string, ...within: string[]): Promise<string> {
  const folder = join(sut.place, name);
  for (const path of [folder, ...within.map(one => join(folder, one))]) {
    await mkdir(path);
    await chmod(path, 0o777);
  }
  return folder;
}

/** `sftp -b -` with these lines; one with a dash before it may fail. */
const sftp = (person: 'dev' | 'dba', lines: readonly string[], options: SshOptions = {}) =>
  // A batch asks nobody, which here is a program.
  sut.stock(person, 'sftp', ['-oBatchMode=no', '-q', '-b', '-', 'gw'], {
    ...options,
    input: `${lines.join('\n')}\n`,
  });

const operationsOf = (commands: readonly Readonly<Record<string, unknown>>[]) =>
  commands.filter(({ kind }) => kind === 'sftp').map(({ operation }) => operation);

test('a batch of every operation does what it says, and each is in the recording', async () => {
  const there = await folderFor('every');
  const here = join(sut.folder, 'here');
  await writeFile(here, 'words that are copied\n');

  const { value: end, recording } = await sut.recordedOne(() =>
    sftp('dev', [
      `cd ${there}`,
      'mkdir sub',
      `put ${here} sub/a`,
      'chmod 640 sub/a',
      'rename sub/a sub/b',
      'ln sub/b sub/hard',
      'ln -s b sub/soft',
      'cp sub/b sub/copy',
      `get sub/soft ${here}.back`,
      'ls -l sub',
      'df .',
      `put -p ${here} gone`,
      'rm gone',
      'mkdir empty',
      'rmdir empty',
    ]),
  );

  expect(end).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(`${here}.back`, 'utf8')).toBe('words that are copied\n');
  expect((await readdir(join(there, 'sub'))).sort()).toEqual(['b', 'copy', 'hard', 'soft']);
  expect(await readdir(there)).toEqual(['sub']);
  expect((await stat(join(there, 'sub/b'))).mode & 0o777).toBe(0o640);
  expect(await readlink(join(there, 'sub/soft'))).toBe('b');
  expect(await readFile(join(there, 'sub/copy'), 'utf8')).toBe('words that are copied\n');
  const done = new Set(operationsOf(recording.commands));
  for (const operation of [
    'mkdir',
    'open',
    'setstat',
    'posix-rename',
    'hardlink',
    'symlink',
    'copy-data',
    'opendir',
    'remove',
    'rmdir',
    'statvfs',
  ]) {
    expect([operation, done.has(operation)]).toEqual([operation, true]);
  }
  expect(recording.commands).toContainEqual(
    expect.objectContaining({
      operation: 'posix-rename',
      path: join(there, 'sub/a'),
      to: join(there, 'sub/b'),
    }),
  );
  const digest = await sha256Of(here);
  expect(recording.files).toContainEqual(
    expect.objectContaining({ path: join(there, 'sub/a'), direction: 'write', bytes: 22, sha256: digest }),
  );
  expect(recording.files).toContainEqual(
    expect.objectContaining({ path: join(there, 'sub/b'), direction: 'read', bytes: 22, sha256: digest }),
  );
  expect(recording).toMatchObject({ faults: [], refusals: [], end: { how: 'closed' } });
});

test(
  `${manyCount} small files go there and come back, each with its digest in the recording`,
  async () => {
    const there = await folderFor('many');
    const here = join(sut.folder, 'many');
    const back = join(sut.folder, 'many-back');
    await mkdir(back);
    const digests = await manyFiles(here, manyCount);

    const { value: end, recording } = await sut.recordedOne(() =>
      sftp('dev', [`put -r ${here} ${there}/all`, `get -r ${there}/all ${back}/all`], {
        timeoutMs: long ? 1_200_000 : 100_000,
      }),
    );

    expect(end).toMatchObject({ code: 0, stderr: '' });
    for (const folder of [join(there, 'all'), join(back, 'all')]) {
      expect((await readdir(folder)).sort()).toEqual([...digests.keys()]);
      for (const [name, digest] of digests) {
        if ((await sha256Of(join(folder, name))) !== digest) throw new Error(`${name} is another`);
      }
    }
    for (const direction of ['write', 'read']) {
      const recorded = recording.files
        .filter(file => file['direction'] === direction)
        .map(({ path, sha256 }) => [String(path).split('/').at(-1), sha256]);
      expect(new Map(recorded as [string, string][])).toEqual(digests);
    }
    expect(recording.faults).toEqual([]);
  },
  long ? 1_300_000 : 120_000,
);

test('a file that goes on where an earlier transfer stopped is whole', async () => {
  const there = await folderFor('resumed');
  const here = join(sut.folder, 'resumed');
  const digest = await randomFile(here, 3 * mebibyte);
  const all = await readFile(here);
  await writeFile(join(there, 'up'), all.subarray(0, mebibyte), { mode: 0o666 });
  await chmod(join(there, 'up'), 0o666);
  await writeFile(`${here}.down`, all.subarray(0, mebibyte));

  const end = await sftp('dev', [`reput ${here} ${there}/up`, `reget ${there}/up ${here}.down`]);

  expect(end).toMatchObject({ code: 0 });
  expect(await sha256Of(join(there, 'up'))).toBe(digest);
  expect(await sha256Of(`${here}.down`)).toBe(digest);
});

describe('a folder that policy keeps as it is', () => {
  let there: string;
  beforeAll(async () => {
    there = await folderFor('policed', 'kept', 'open', 'secret');
    await writeFile(join(there, 'kept/old'), 'as it was\n');
    await chmod(join(there, 'kept/old'), 0o666);
    await writeFile(join(there, 'secret/plan'), 'nobody reads this\n');
    await symlink(join(there, 'kept'), join(there, 'open/way'));
    await symlink('../secret/plan', join(there, 'open/plan'));
    await writeFile(join(sut.folder, 'new'), 'new words\n');
  });

  test('is read', async () => {
    const back = join(sut.folder, 'old.back');

    expect(await sftp('dev', [`get ${there}/kept/old ${back}`])).toMatchObject({ code: 0 });
    expect(await readFile(back, 'utf8')).toBe('as it was\n');
  });

  test.each([
    ['put NEW THERE/kept/new'],
    ['put NEW THERE/kept/old'],
    ['put NEW THERE/open/../kept/new'],
    ['put NEW THERE/open/way/new'],
    ['put NEW THERE/open/way/old'],
    ['put NEW THERE/open/./way/../kept/new'],
    ['rm THERE/kept/old'],
    ['rm THERE/open/way/old'],
    ['rename THERE/kept/old THERE/open/old'],
    ['rename THERE/open/way THERE/kept/way'],
    ['chmod 777 THERE/kept/old'],
    ['chmod 777 THERE/open/way'],
    ['mkdir THERE/kept/sub'],
    ['mkdir THERE/open/way/sub'],
    ['rmdir THERE/kept'],
    ['ln THERE/kept/old THERE/open/hard'],
    ['ln -s old THERE/kept/soft'],
  ])('%s is refused, said so, in the recording, and leaves nothing', async line => {
    const before = await treeOf(there);
    const text = line.replaceAll('THERE', there).replaceAll('NEW', join(sut.folder, 'new'));

    const { value: end, recording } = await sut.recordedOne(() => sftp('dev', [text]));

    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/permission denied/i);
    expect(await treeOf(there)).toEqual(before);
    expect(recording.refusals.length).toBeGreaterThan(0);
    expect(JSON.stringify(recording.decisions)).toContain('kept-as-it-is');
    const writes = new Set(['setstat', 'remove', 'posix-rename', 'mkdir', 'rmdir', 'symlink']);
    expect(operationsOf(recording.commands).filter(one => writes.has(String(one)))).toEqual([]);
    expect(recording.files).toEqual([]);
  });

  test.each([
    'THERE/secret/plan',
    'THERE/open/plan',
    'THERE/kept/../secret/plan',
    'THERE/open/way/../secret/plan',
  ])('get %s is refused where nobody may read', async path => {
    const back = join(sut.folder, 'plan.back');

    const { value: end, recording } = await sut.recordedOne(() =>
      sftp('dev', [`get ${path.replaceAll('THERE', there)} ${back}`]),
    );

    expect(end.code).toBe(1);
    expect(await readdir(sut.folder)).not.toContain('plan.back');
    expect(JSON.stringify(recording.decisions)).toContain('secrets-stay');
    expect(recording.files).toEqual([]);
  });

  test('what is permitted goes on behind what is refused, on the same connection', async () => {
    const end = await sftp('dev', [
      `-put ${join(sut.folder, 'new')} ${there}/kept/new`,
      `put ${join(sut.folder, 'new')} ${there}/open/new`,
    ]);

    expect(end).toMatchObject({ code: 0 });
    expect(await readFile(join(there, 'open/new'), 'utf8')).toBe('new words\n');
    expect(await readdir(join(there, 'kept'))).toEqual(['old']);
  });
});

/** Names, modes and contents below a folder. */
async function treeOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map(async entry => {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isFile() ? await readFile(path, 'utf8') : '';
    return `${path} ${(await stat(path)).mode} ${content}`;
  });
  return (await Promise.all(lines)).sort();
}
