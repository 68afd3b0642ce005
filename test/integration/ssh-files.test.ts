import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { FileRecord } from '#gateway/protocols/ssh/sftp/port.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import type { Entry } from '../unit/ssh/sftp/rig.ts';

const bridge = join(import.meta.dirname, 'support/file-bridge.ts');
const sftpServer = '/usr/lib/openssh/sftp-server';
const { path: folder, [Symbol.asyncDispose]: dispose } = await temporaryFolder('ssh-files');
afterAll(async () => {
  await dispose();
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Something to run in place of a server or of ssh. */
function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Every file below, with what is in it. */
function tree(root: string, below = ''): string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .flatMap(entry => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return [`${path}/`, ...tree(root, path)];
      if (entry.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(root, path))}`];
      const { mode, nlink } = statSync(join(root, path));
      return [`${path} ${mode.toString(8)} ${nlink} ${sha256(readFileSync(join(root, path)))}`];
    })
    .sort();
}

/** A home on the target, and one on the client's side. */
function place(name: string): { remote: string; local: string; log: string } {
  const remote = join(folder, name, 'remote');
  const local = join(folder, name, 'local');
  for (const path of [join(remote, 'data/deep'), join(local, 'tree/sub')])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(remote, 'data/small'), 'a small file\n');
  writeFileSync(join(remote, 'data/large'), Buffer.alloc(3_000_000, 'large'));
  writeFileSync(join(remote, 'data/deep/secret'), 'nobody reads this\n');
  symlinkSync('data/deep', join(remote, 'way'));
  symlinkSync('deep/secret', join(remote, 'data/innocent'));
  writeFileSync(join(local, 'upload'), Buffer.alloc(2_500_000, 'upload'));
  writeFileSync(join(local, 'empty'), '');
  writeFileSync(join(local, 'tree/one'), 'one');
  writeFileSync(join(local, 'tree/sub/two'), 'two');
  return { remote, local, log: join(folder, name, 'log') };
}

const entriesOf = (log: string) =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Entry);
const of = (entries: readonly Entry[], kind: Entry[0]) =>
  entries.filter(entry => entry[0] === kind).map(entry => entry[1]);

/** Runs a batch of stock sftp. @param refused through the gateway, which refuses it; undefined: directly */
function sftp(name: string, batch: readonly string[], refused?: string) {
  const { remote, local, log } = place(name);
  const server =
    refused === undefined
      ? script(`${name}.sh`, `cd '${remote}' && exec ${sftpServer}`)
      : script(
          `${name}.sh`,
          `cd '${remote}' && exec '${process.execPath}' '${bridge}' '${log}' '${refused}' sftp ${sftpServer}`,
        );
  const run = spawnSync('sftp', ['-b', '-', '-D', server], {
    cwd: local,
    input: batch.join('\n'),
    encoding: 'utf8',
    timeout: 50_000,
  });
  const said = `${run.stdout}\n${run.stderr}`.replaceAll(join(folder, name), '').replace(/\r/g, '\n');
  return { remote, local, log, status: run.status, said };
}

describe('stock sftp and its server', () => {
  const everything = [
    'pwd',
    'ls -1 data',
    'ls -ln data/large',
    '-ls nothing',
    'mkdir made',
    '-mkdir made',
    'put upload made/upload',
    'put -p empty made/empty',
    '-put upload missing/upload',
    'put -R tree made',
    '-reput upload made/upload',
    'put -f upload way/new',
    'get data/large large',
    'get -R data fetched',
    '-reget data/large large',
    'get way/secret secret',
    'cd made',
    'pwd',
    'ls -1',
    'cd ..',
    'rename made/empty made/renamed',
    '-rename made/nothing made/x',
    'symlink upload made/link',
    'ln made/upload made/hard',
    'chmod 600 made/upload',
    'chmod 640 made/link',
    'copy data/small made/copied',
    'df data',
    'rm made/link',
    'rm data/innocent',
    '-rm made',
    '-rm made/tree/*',
    '-rmdir made/tree/sub',
    'rm made/tree/sub/two',
    'rmdir data/deep/../../made/tree/sub',
    'rmdir made/tree/',
    'ls -1 made',
  ];

  test('say and do through the gateway what they say and do without it', () => {
    const direct = sftp('direct', everything);
    const through = sftp('through', everything, '');

    // Sizes of a file system change between two moments.
    const plain = (said: string) => said.replace(/^.*%.*$|^ +Size.*$/gm, '');
    expect(plain(through.said)).toBe(plain(direct.said));
    expect([direct.status, through.status]).toEqual([0, 0]);
    expect(tree(through.remote)).toEqual(tree(direct.remote));
    expect(tree(through.local)).toEqual(tree(direct.local));
  });

  test('every file has the digest of what is on the disk', () => {
    const { remote, local, log } = sftp(
      'digests',
      ['put upload up', 'put empty', 'get data/large', 'get way/secret secret'],
      '',
    );

    const files = of(entriesOf(log), 'file') as FileRecord[];
    const record = (path: string, direction: string, copy: string) => ({
      path: join(remote, path),
      direction,
      bytes: statSync(copy).size,
      sha256: sha256(readFileSync(copy)),
    });
    expect(files).toEqual([
      record('up', 'write', join(local, 'upload')),
      record('empty', 'write', join(local, 'empty')),
      record('data/large', 'read', join(local, 'large')),
      record('data/deep/secret', 'read', join(local, 'secret')),
    ]);
    expect(sha256(readFileSync(join(remote, 'up')))).toBe(files[0]!.sha256);
  });

  test('a file that is refused is refused by every way that leads to it', () => {
    const { remote, local, said } = sftp(
      'refused',
      [
        '-get data/deep/secret a',
        '-get way/secret b',
        '-get data/innocent c',
        '-rm way/secret',
        '-rename way/secret way/open',
        '-ln data/deep/secret open',
        '-symlink data/deep/secret link',
        '-chmod 777 way/secret',
        '-put upload way/secret',
        'put upload way/other',
      ],
      'secret',
    );

    expect(tree(local).join('\n')).not.toMatch(/^[abc] /m);
    expect(readFileSync(join(remote, 'data/deep/secret'), 'utf8')).toBe('nobody reads this\n');
    expect(readdirSync(remote).sort()).toEqual(['data', 'way']);
    expect(readdirSync(join(remote, 'data/deep')).sort()).toEqual(['other', 'secret']);
    expect(said).toMatch(/permission denied/i);
  });
});

/** Stock scp in its old form, with a script in place of ssh. */
function scp(name: string, args: (at: { remote: string; local: string }) => string[], refused?: string) {
  const { remote, local, log } = place(name);
  const ssh =
    refused === undefined
      ? script(`${name}.sh`, `for last; do :; done; cd '${remote}' && exec /bin/sh -c "$last"`)
      : script(
          `${name}.sh`,
          `cd '${remote}' && exec '${process.execPath}' '${bridge}' '${log}' '${refused}' scp "$@"`,
        );
  const run = spawnSync('scp', ['-O', '-S', ssh, ...args({ remote, local })], {
    cwd: local,
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { remote, local, log, status: run.status, said: run.stderr.replaceAll(join(folder, name), '') };
}

describe('stock scp in its old form', () => {
  test.each<[string, (at: { remote: string }) => string[]]>([
    ['a file there', ({ remote }) => ['upload', `h:${remote}/data/new`]],
    ['files and directories there', ({ remote }) => ['-r', '-p', 'tree', 'empty', `h:${remote}`]],
    ['into what is not there', ({ remote }) => ['upload', `h:${remote}/no/such`]],
    ['a directory without leave', () => ['tree', 'h:data']],
    ['a file here', () => ['h:data/large', '.']],
    ['files and directories here', ({ remote }) => ['-r', '-p', `h:${remote}/data`, 'h:way', '.']],
    ['files by a pattern', () => ['h:data/*l*', '.']],
    ['what is not there', () => ['h:nothing', '.']],
  ])('%s: the same as without a gateway', (name, args) => {
    const words = name.replaceAll(' ', '-');
    const direct = scp(`direct-${words}`, args);
    const through = scp(`through-${words}`, args, '');

    expect(through.said.replaceAll('through', 'direct')).toBe(direct.said);
    expect(through.status).toBe(direct.status);
    expect(tree(through.remote)).toEqual(tree(direct.remote));
    expect(tree(through.local)).toEqual(tree(direct.local));
    for (const { sha256: digest } of of(entriesOf(through.log), 'file') as FileRecord[]) {
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('a refused file is said to be so, does not come, and the others do', () => {
    const there = scp('refused-there', ({ remote }) => ['upload', 'empty', `h:${remote}`], 'upload');
    const here = scp('refused-here', ({ remote }) => ['-r', `h:${remote}/data`, '.'], 'secret');

    expect(there.said).toContain('scp: upload: sftp:write refused');
    expect(there.status).toBe(1);
    expect(readdirSync(there.remote).sort()).toEqual(['data', 'empty', 'way']);
    expect(here.said).toContain('scp: secret: sftp:read refused');
    expect(here.status).toBe(1);
    expect(tree(here.local).join('\n')).not.toContain('secret');
    expect(tree(here.local).join('\n')).toContain('data/large');
  });
});
