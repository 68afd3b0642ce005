import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { manyFiles, randomFile, sha256Of } from './files.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

async function rsync(person: 'dev' | 'dba', ...args: string[]) {
  const settings = await sut.settings();
  return run('rsync', ['-e', `ssh -F ${settings}`, ...args], {
    env: sut.env(sut.stack.ready.people[person]!.token),
  });
}

test('a tree goes there, a change goes after it, and it comes back', async () => {
  const here = join(sut.folder, 'tree');
  const there = join(sut.place, 'tree');
  await mkdir(here);
  await manyFiles(join(here, 'many'), 60);
  await randomFile(join(here, 'large'), 2_000_000);

  const { value: first, recording } = await sut.recordedOne(() =>
    rsync('dba', '-a', `${here}/`, `gw:${there}/`),
  );
  await writeFile(join(here, 'many/file-00000'), 'changed\n');
  const second = await rsync('dba', '-ai', '--delete', `${here}/`, `gw:${there}/`);
  const back = await rsync('dba', '-a', `gw:${there}/`, `${here}-back/`);

  expect(first).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(second.stdout).toContain('many/file-00000');
  expect(second.stdout).not.toContain('file-00001');
  expect(back.code).toBe(0);
  expect((await run('diff', ['-r', here, `${here}-back`])).stdout).toBe('');
  expect(await sha256Of(join(there, 'large'))).toBe(await sha256Of(join(here, 'large')));
  // As a stream, by its command line: rsync's own protocol is not read.
  expect(recording.commands).toEqual([
    expect.objectContaining({
      kind: 'exec',
      command: expect.stringMatching(/^rsync --server .* \. .*tree\/$/),
      exit: { status: 0 },
    }),
  ]);
  expect(recording.fromClient(2).bytes).toBeGreaterThan(2_000_000);
  expect(recording.faults).toEqual([]);
});
