import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { banner } from '#gateway/bundle/bundle.ts';
import { ssh2 } from '#gateway/bundle/ssh2.ts';
import { cryptography } from '#gateway/protocols/ssh/wire/native.ts';
import { type TemporaryFolder, temporaryFolder } from '../../harness/temporary-folder.ts';

const native = fileURLToPath(new URL('../../../gateway-task/protocols/ssh/wire/native.ts', import.meta.url));
let folder: TemporaryFolder;
let bundle: string;

/** What a bundle without node_modules says encrypts in it. */
const runBundle = () => execFileSync(process.execPath, [bundle], { encoding: 'utf8', cwd: folder.path });

beforeAll(async () => {
  folder = await temporaryFolder('ssh2-bundle');
  bundle = join(folder.path, 'main.mjs');
  const entry = join(folder.path, 'entry.ts');
  await writeFile(
    entry,
    `import { cryptography } from ${JSON.stringify(native)}; process.stdout.write(cryptography);`,
  );
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: banner },
    plugins: [ssh2],
    logLevel: 'silent',
  });
});
afterAll(async () => folder[Symbol.asyncDispose]());

test('a bundle carries the native half of SSH, and goes on in JavaScript without it', async () => {
  // npm test builds it; where nobody has, there is none to carry.
  const built = cryptography === 'native';
  expect((await readdir(folder.path)).includes('sshcrypto.node')).toBe(built);
  expect(runBundle()).toBe(cryptography);

  await rm(join(folder.path, 'sshcrypto.node'), { force: true });

  expect(runBundle()).toBe('javascript');
});

test('a native half that was built for another Node.js is passed over', async () => {
  await writeFile(join(folder.path, 'sshcrypto.node'), 'not for this one');

  expect(runBundle()).toBe('javascript');
});
