import { cp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Publication } from '#lib/aws/policy-store.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';
import { ConfigPublisher, ConfigUnreadable, readConfig, shortVersion } from '#local/config-publisher.ts';
import { type TemporaryFolder, temporaryFolder } from '../../harness/temporary-folder.ts';

const shipped = fileURLToPath(new URL('../../../config', import.meta.url));
const everyMs = 20;

let temporary: TemporaryFolder;
let folder: string;
let file: string;
let original: string;
let publisher: ConfigPublisher;
let said: string[];
/** What the store takes for in force; undefined: it is away. */
let inForce: string | undefined;

const publish = async ({ version }: Snapshot): Promise<Publication> => {
  if (inForce === undefined) throw new Error('the store is away');
  const outcome = inForce === version ? 'unchanged' : 'published';
  inForce = version;
  return { outcome, pointer: { version, chunks: 1, revision: 1, publishedAt: 0, publishedBy: '' } };
};
const until = async (done: () => boolean) => {
  for (const deadline = Date.now() + 4000; !done(); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`it did not happen; it said:\n${said.join('\n')}`);
  }
};
/** Waits until the folder as it is now is in force. */
const untilTaken = () => until(() => inForce === readConfig(folder).version);
const untilSaid = (text: string) => until(() => said.some(line => line.includes(text)));
/** As `sed -i` and vim save. */
const saveByRename = async (text: string) => {
  await writeFile(join(folder, 'policies', 'sed0h9c9z'), text);
  await rename(join(folder, 'policies', 'sed0h9c9z'), file);
};

beforeEach(async () => {
  temporary = await temporaryFolder('config');
  folder = join(temporary.path, 'config');
  file = join(folder, 'policies', 'developers.cedar');
  await cp(shipped, folder, { recursive: true });
  original = await readFile(file, 'utf8');
  said = [];
  inForce = '';
  publisher = new ConfigPublisher(folder, { publish });
  await publisher.publish();
  publisher.follow(line => said.push(line), everyMs);
});

afterEach(async () => {
  await publisher.stop();
  await temporary[Symbol.asyncDispose]();
});

const rule = (id: string) =>
  `@id("${id}")\n@message("More.")\npermit(principal in Group::"nobody", action == Action::"connect", resource);\n`;

describe('a configuration folder that is followed', () => {
  test('takes a save in place after one by rename', async () => {
    await saveByRename(`${original}\n${rule('one')}`);
    await untilTaken();
    await writeFile(file, `${original}\n${rule('two')}`);
    await untilTaken();

    expect(said).toHaveLength(2);
    expect(said.at(-1)).toContain(`${shortVersion(inForce ?? '')} is published`);
  });

  test('takes back a file that was made while it is followed', async () => {
    const before = inForce;
    const extra = join(folder, 'policies', 'extra.cedar');
    await writeFile(extra, rule('extra'));
    await until(() => inForce !== before);

    await rm(extra);

    await until(() => inForce === before);
  });

  test('takes a whole folder that is put in place of the one before, as git does', async () => {
    await rename(folder, join(temporary.path, 'aside'));
    await untilSaid(`there is no folder ${folder}; what was in force before stays`);
    await cp(shipped, folder, { recursive: true });
    await untilSaid('the configuration holds again');
    await writeFile(file, `${original}\n${rule('new')}`);

    await untilTaken();
  });

  test('goes on after a file that cannot be read and is no part of it', async () => {
    // Root is let read the one, and nobody the other.
    await writeFile(join(folder, 'policies', 'sedXYZ'), '', { mode: 0 });
    await symlink('sed0h9c9z', join(folder, 'policies', 'sed0h9c9z'));
    await sleep(5 * everyMs);
    await writeFile(file, `${original}\n${rule('late')}`);

    await untilTaken();

    expect(said).toHaveLength(1);
  });

  test('says which part of it cannot be read, and goes on when it can be', async () => {
    await rm(join(folder, 'masks.yaml'));
    await symlink('masks.yaml', join(folder, 'masks.yaml'));
    await untilSaid(`${folder}/masks.yaml cannot be read (ELOOP)`);
    await rm(join(folder, 'masks.yaml'));
    await cp(join(shipped, 'masks.yaml'), join(folder, 'masks.yaml'));

    await untilSaid(`the configuration holds again; ${shortVersion(inForce ?? '')} is in force`);
  });

  test('says so when a mistake is put right and nothing is new', async () => {
    await writeFile(file, `${original}\nthis is no policy;\n`);
    await untilSaid('what was in force before stays');
    await writeFile(file, original);

    await untilSaid(`the configuration holds again; ${shortVersion(inForce ?? '')} is in force`);
  });

  test('says nothing when a file is saved as it was', async () => {
    await saveByRename(original);
    await sleep(10 * everyMs);

    expect(said).toEqual([]);
  });

  test('publishes later what could not be published, and tells that once', async () => {
    inForce = undefined;
    await writeFile(file, `${original}\n${rule('waits')}`);
    await untilSaid('the store is away');
    await sleep(10 * everyMs);
    inForce = '';

    await untilTaken();

    expect(said).toHaveLength(2);
  });

  test('is left alone once that is stopped', async () => {
    const before = inForce;

    await publisher.stop();
    await writeFile(file, `${original}\n${rule('late')}`);
    await sleep(10 * everyMs);

    expect(inForce).toBe(before);
  });
});

describe('a configuration folder that is none', () => {
  test.each([
    ['is not there', '/nonexist', 'there is no folder /nonexist'],
    ['is a file', fileURLToPath(import.meta.url), `${fileURLToPath(import.meta.url)} is no folder`],
  ])('is told in one sentence when it %s', (_, path, message) => {
    expect(() => readConfig(path)).toThrow(new ConfigUnreadable(message));
  });
});
