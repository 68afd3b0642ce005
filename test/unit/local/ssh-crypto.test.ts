import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { buildSshCrypto } from '#local/ssh-crypto.mjs';
import { type TemporaryFolder, temporaryFolder } from '../../harness/temporary-folder.ts';

const release = 'node_modules/ssh2/lib/protocol/crypto/build/Release';
const builtFor = `node 24.0.0 ${process.platform}-${process.arch} wrapped by nan`;

let folder: TemporaryFolder;
let said: string[];

/** A repository with its packages installed, as far as the build looks at them. */
beforeEach(async () => {
  folder = await temporaryFolder('ssh-crypto');
  said = [];
  await put('node_modules/node/package.json', '{"version":"24.0.0"}');
  await put('node_modules/node/bin/node', '');
  await put('node_modules/ssh2/lib/protocol/crypto/binding.gyp', '');
});
afterEach(async () => folder[Symbol.asyncDispose]());

async function put(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(folder.path, path)), { recursive: true });
  await writeFile(join(folder.path, path), text);
  await chmod(join(folder.path, path), mode);
}

/** @param path where programs are looked for, in the folder */
const build = (path: string) =>
  buildSshCrypto({
    root: folder.path,
    findNpm: () => ({ command: 'npm', first: [], env: { PATH: join(folder.path, path) } }),
    say: line => said.push(line),
  });

test('what is built for this Node.js is not built again, and nobody looks for npm', async () => {
  await put(`${release}/built-for`, builtFor);
  const findNpm = () => {
    throw new Error('npm is not needed');
  };

  const why = await buildSshCrypto({ root: folder.path, findNpm, say: line => said.push(line) });

  expect({ why, said }).toEqual({ why: undefined, said: [] });
});

test('without a compiler it says which programs are missing and how to get them', async () => {
  for (const program of ['python3', 'make']) await put(`bin/${program}`, '#!/bin/sh\n', 0o755);

  const why = await build('bin');

  expect(why).toMatch(/no g\+\+ .*apt-get install python3 make g\+\+/);
  expect(said).toEqual([]);
});

test('without a network the start goes on, and what was built before stays', async () => {
  for (const program of ['python3', 'make', 'g++']) await put(`bin/${program}`, '#!/bin/sh\n', 0o755);
  await put('npm/bin/npm', '#!/bin/sh\necho "npm error code ENOTFOUND" >&2\nexit 1\n', 0o755);
  await put('npm/node_modules/node-gyp/bin/node-gyp.js', '');
  await put(`${release}/sshcrypto.node`, 'of another Node.js');
  await put(`${release}/built-for`, 'node 20.0.0');
  const path = [join(folder.path, 'bin'), join(folder.path, 'npm/bin'), '/usr/bin', '/bin'].join(':');

  const why = await buildSshCrypto({
    root: folder.path,
    findNpm: () => ({ command: 'npm', first: [], env: { PATH: path } }),
    say: line => said.push(line),
  });

  expect(why).toMatch(/headers of Node\.js .* cannot be had.*ENOTFOUND/);
  expect(said).toHaveLength(1);
  expect((await readdir(join(folder.path, release))).sort()).toEqual(['built-for', 'sshcrypto.node']);
  expect(await readFile(join(folder.path, release, 'built-for'), 'utf8')).toBe('node 20.0.0');
});

test('what the tests run with wraps its objects by nan: the class of Node.js would end the process now and then', async () => {
  const built = await readFile(join(process.cwd(), release, 'sshcrypto.node'), 'latin1');

  expect(built).toContain('AESGCMDecipher');
  // Whoever derives from node::ObjectWrap imports it.
  expect(built.includes('RemoveEnvironmentCleanupHook')).toBe(false);
});
