import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { randomFile, sha256Of } from './files.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

async function git(cwd: string, ...args: string[]) {
  const settings = await sut.settings();
  const identity = [
    '-c',
    'user.name=Dana',
    '-c',
    'user.email=dana@example.org',
    '-c',
    'commit.gpgsign=false',
  ];
  return run('git', [...identity, ...args], {
    cwd,
    env: {
      ...sut.env(sut.stack.ready.people['dba']!.token),
      GIT_SSH_COMMAND: `ssh -F ${settings}`,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
    },
  });
}

test('a repository is pushed, cloned and fetched, and each is recorded by its command line and as a stream', async () => {
  const origin = join(sut.place, 'repository.git');
  const here = join(sut.folder, 'work');
  const clone = join(sut.folder, 'clone');
  await mkdir(here);
  await sut.ssh('dba', [`git init -q --bare ${origin}`]);
  await git(here, 'init', '-q', '-b', 'main');
  const digest = await randomFile(join(here, 'large'), 3_000_000);
  await writeFile(join(here, 'words'), 'one\n');
  await git(here, 'add', '.');
  await git(here, 'commit', '-q', '-m', 'first');

  const pushed = await sut.recordedOne(() => git(here, 'push', '-q', `gw:${origin}`, 'main'));
  const cloned = await sut.recordedOne(() => git('/', 'clone', '-q', '-b', 'main', `gw:${origin}`, clone));
  await writeFile(join(here, 'words'), 'two\n');
  await git(here, 'commit', '-q', '-am', 'second');
  await git(here, 'push', '-q', `gw:${origin}`, 'main');
  const pulled = await git(clone, 'pull', '-q', '--ff-only');

  expect(pushed.value).toMatchObject({ code: 0 });
  expect(cloned.value).toMatchObject({ code: 0 });
  expect(pulled).toMatchObject({ code: 0 });
  expect(await sha256Of(join(clone, 'large'))).toBe(digest);
  expect(await readFile(join(clone, 'words'), 'utf8')).toBe('two\n');
  expect(pushed.recording.commands).toEqual([
    expect.objectContaining({ command: `git-receive-pack '${origin}'`, exit: { status: 0 } }),
  ]);
  expect(pushed.recording.fromClient(2).bytes).toBeGreaterThan(3_000_000);
  expect(cloned.recording.commands).toEqual([
    expect.objectContaining({ command: `git-upload-pack '${origin}'`, exit: { status: 0 } }),
  ]);
  expect(cloned.recording.toClient(2).bytes).toBeGreaterThan(3_000_000);
});
