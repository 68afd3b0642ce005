import { cp, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ReadyFile } from '#local/ready-file.ts';
import { run } from '../harness/program.ts';
import { gatewayEnv, psql } from '../harness/psql.ts';
import { processesWith, readReadyFile, type Started, startProgram } from '../harness/start-program.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shippedConfig = join(root, 'config');

let folder: TemporaryFolder;
let data: string;
let config: string;
let readyFile: string;
let program: Started;
let ready: ReadyFile;

const args = () => ['--data-dir', data, '--port-base', '0', '--ready-file', readyFile, '--config', config];
const start = async () => {
  program = startProgram(args());
  await program.untilSaid('Ctrl-C ends everything');
  ready = await readReadyFile(readyFile);
};
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
/** Waits until nothing of the stack runs any more. */
const untilGone = async (data: string) => {
  for (const deadline = Date.now() + 15_000; (await processesWith(data)).length > 0; await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`still there: ${await processesWith(data)}`);
  }
};

beforeAll(async () => {
  folder = await temporaryFolder('start');
  data = join(folder.path, 'data');
  config = join(folder.path, 'config');
  readyFile = join(folder.path, 'ready.json');
  await cp(shippedConfig, config, { recursive: true });
  await start();
}, 120_000);

afterAll(async () => {
  program.kill('SIGTERM');
  await program.ended;
  await folder[Symbol.asyncDispose]();
});

describe('npm start', () => {
  test('says everything that a script needs in a file that only its owner can read', async () => {
    expect((await stat(readyFile)).mode & 0o777).toBe(0o600);
    expect(Object.keys(ready.people)).toEqual(['dev', 'dba', 'approver', 'approver2', 'auditor', 'agent']);
    expect(ready.targets['shop']?.direct.database).toBe('shop');
    expect(await (await fetch(`${ready.gateway.health}/ready`)).json()).toEqual({ ready: true, reasons: [] });
  });

  test('prints lines to paste that work as they are', async () => {
    const line = program
      .output()
      .split('\n')
      .find(candidate => candidate.includes('psql -U dev'));
    const once = program.output().match(/^ {2}(export PGHOST=.*)$/m)?.[1];

    const { code, stdout } = await shell(
      `${once}\n${line?.replace(/#.*/, '')} -Atc 'SELECT count(*) FROM orders'`,
    );

    expect({ code, stdout }).toEqual({ code: 0, stdout: '5000\n' });
  });

  test('refuses a second start on the same data, and says who has it', async () => {
    const second = startProgram(['--data-dir', data, '--port-base', '0', '--ready-file', readyFile]);

    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/^sallyport: .* is in use by process \d+: .*--data-dir.*\n$/);
    expect(await exists(readyFile)).toBe(true);
  });

  test('names the port that is taken, and the way out', async () => {
    const taken = ready.gateway.postgres.port;

    const second = startProgram([
      '--data-dir',
      join(folder.path, 'other'),
      '--port-base',
      String(taken - 32),
    ]);

    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/^sallyport: port \d+, wanted for .*, is taken: .*--port-base \d+\n$/);
  });

  test('shows every mistake of a configuration by file and line before it gives up', async () => {
    const broken = join(folder.path, 'broken');
    await cp(shippedConfig, broken, { recursive: true });
    await writeFile(join(broken, 'targets.yaml'), 'shop:\n  protocol: telnet\n');
    await writeFile(join(broken, 'masks.yaml'), 'nonsense: true\n');

    const second = startProgram([
      '--data-dir',
      join(folder.path, 'other'),
      '--port-base',
      '0',
      '--config',
      broken,
    ]);

    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/targets\.yaml:\d+:\d+: /);
    expect(second.output()).toMatch(/masks\.yaml:\d+:\d+: /);
    expect(second.output().trim().split('\n').at(-1)).toMatch(/^sallyport: .* mistakes: correct/);
    expect(await processesWith(join(folder.path, 'other'))).toEqual([]);
  });

  test('publishes what is saved in the configuration folder, and keeps the old when that is wrong', async () => {
    const file = join(config, 'policies', 'developers.cedar');
    const before = await readFile(file, 'utf8');

    await writeFile(file, `${before}\nthis is no policy;\n`);
    await program.untilSaid('what was in force before stays');
    await writeFile(file, `${before}\n// A remark.\n@id("extra")\n@message("More.")\n${permitNothing}`);
    await program.untilSaid('is published; the gateway takes it');

    expect(program.output()).toMatch(/developers\.cedar:\d+:\d+: /);
  });

  test('takes a save in place after one by rename, for the sessions that follow', async () => {
    const file = join(config, 'policies', 'developers.cedar');
    const before = await readFile(file, 'utf8');
    const forbid = `${before}\n@id("shut")\n@message("Shut.")\nforbid(principal, action == Action::"connect", resource);\n`;
    const published = () => program.output().split('is published; the gateway takes it').length - 1;
    const untilPublished = async (times: number) => {
      for (const deadline = Date.now() + 10_000; published() < times; await sleep(50)) {
        if (Date.now() > deadline) throw new Error(`published ${published()} times:\n${program.output()}`);
      }
    };
    const untilConnects = async (wanted: boolean) => {
      for (const deadline = Date.now() + 20_000; ; await sleep(200)) {
        const { code } = await psql(gatewayEnv(ready, 'dev'), ['SELECT 1']);
        if ((code === 0) === wanted) return;
        if (Date.now() > deadline) throw new Error(`status ${code}:\n${program.output()}`);
      }
    };
    const soFar = published();

    await writeFile(`${file}.new`, forbid);
    await rename(`${file}.new`, file);
    await untilPublished(soFar + 1);
    await untilConnects(false);
    await writeFile(file, before);
    await untilPublished(soFar + 2);
    await untilConnects(true);
  });

  test('says one thing of a configuration folder that is not there', async () => {
    const second = startProgram([
      '--data-dir',
      join(folder.path, 'other'),
      '--port-base',
      '0',
      '--config',
      '/nonexist',
    ]);

    expect(await second.ended).toBe(1);
    expect(second.output()).toBe('sallyport: there is no folder /nonexist\n');
  });

  test('says that it ends when that is asked for before everything serves', async () => {
    const second = startProgram(['--data-dir', join(folder.path, 'other'), '--port-base', '0']);
    await second.untilSaid('starting PostgreSQL');

    second.kill('SIGINT');

    expect(await second.ended).toBe(130);
    expect(second.output()).toMatch(/stopped before everything was started\n$/);
    await untilGone(join(folder.path, 'other'));
  });

  test('starts the gateway again when it dies', async () => {
    process.kill(ready.gateway.pid, 'SIGKILL');
    await program.untilSaid('the gateway serves again');

    ready = await readReadyFile(readyFile);

    const { stdout } = await psql(gatewayEnv(ready, 'dev'), ['SELECT 1']);
    expect(stdout).toBe('1\n');
  });

  test('ends within seconds on Ctrl-C, with nothing left running, and begins again with its data', async () => {
    await psql(gatewayEnv(ready, 'dba'), ["UPDATE customers SET notes = 'kept' WHERE id = 3"]);

    const asked = Date.now();
    program.kill('SIGINT');

    expect(await program.ended).toBe(0);
    expect(Date.now() - asked).toBeLessThan(8000);
    expect(await processesWith(data)).toEqual([]);
    expect(await exists(readyFile)).toBe(false);

    await start();
    const { stdout } = await psql(gatewayEnv(ready, 'dba'), ['SELECT notes FROM customers WHERE id = 3']);
    expect(stdout).toBe('kept\n');
  });

  test('leaves nothing running when it is killed itself', async () => {
    const programs = [program.pid, ...(await processesWith(data, 'local/main.ts'))];

    for (const pid of programs) process.kill(pid, 'SIGKILL');

    expect(programs.length).toBeGreaterThan(1);
    await untilGone(data);
  });

  test('begins anew with --reset', async () => {
    program = startProgram([...args(), '--reset']);
    await program.untilSaid('Ctrl-C ends everything');
    ready = await readReadyFile(readyFile);
    expect(program.output()).toContain(`removing all data in ${data}, the recordings in it too`);

    const { stdout } = await psql(gatewayEnv(ready, 'dba'), [
      "SELECT notes = 'kept' FROM customers WHERE id = 3",
    ]);

    expect(stdout).toBe('f\n');
  });
});

const permitNothing = 'permit(principal in Group::"nobody", action == Action::"connect", resource);\n';

/** Runs a line as somebody would who stands in the project's folder. */
const shell = (script: string) => run('/bin/sh', ['-c', script], { cwd: root });
