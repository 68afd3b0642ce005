/** Whatever passes, and whoever stops reading: the gateway takes no more memory than this. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { debianPython } from '../../harness/tools.ts';
import { forgetPeak, memoryOf, untilCalm } from '../support/process-facts.ts';
import { startSsh } from './background.ts';
import { long, mebibyte } from './files.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

const program = fileURLToPath(new URL('paramiko-resizes.py', import.meta.url));
const resizes = long ? 100_000 : 5_000;
const allowanceBytes = 160 * mebibyte;

let sut: SshStack;
let base: number;
beforeAll(async () => {
  sut = await startSshStack();
  await sut.ssh('dba', ['true']);
  await untilCalm(gateway());
}, 120_000);
afterAll(() => sut?.stop(), 30_000);
beforeEach(async () => {
  await forgetPeak(gateway());
  base = (await memoryOf(gateway())).residentBytes;
});

const gateway = () => sut.stack.gateway.pid!;
const grown = async () => (await memoryOf(gateway())).peakBytes - base;

test(
  `${resizes} changes of the window's size pass, and each is in the recording`,
  async () => {
    const { host, port, knownHostsFile } = sut.stack.ready.gateway.ssh!;
    const known = join(sut.folder, 'plain-known-hosts');
    const lines = (await readFile(knownHostsFile, 'utf8')).split('\n').filter(line => !line.startsWith('@'));
    await writeFile(known, lines.join('\n'));
    const session = {
      ...{ host, port, user: 'web-1', password: sut.stack.ready.people['dev']!.token, known },
      resizes,
    };

    const { value: end, recording } = await sut.recordedOne(() =>
      run(debianPython, [program], { env: { SESSION: JSON.stringify(session) }, timeoutMs: 300_000 }),
    );

    expect(end).toMatchObject({ code: 0, stderr: '' });
    // The last one counts.
    expect(end.stdout).toContain(`${1 + (resizes % 50)} ${1 + (resizes % 200)}`);
    expect(recording.resizes).toHaveLength(resizes + 1);
    expect(recording.faults).toEqual([]);
    expect(await grown()).toBeLessThan(allowanceBytes);
  },
  long ? 600_000 : 90_000,
);

test('a flood of output to a client that stops reading waits at the target, and comes whole later', async () => {
  const bytes = 96 * mebibyte;
  const settings = await sut.settings();
  const client = spawn('ssh', ['-F', settings, 'gw', `head -c ${bytes} /dev/zero`], {
    env: { PATH: process.env['PATH']!, ...sut.env(sut.stack.ready.people['dba']!.token) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let got = 0;
  client.stdout.on('data', (chunk: Buffer) => (got += chunk.length));
  await once(client.stdout, 'data');

  // Not even the client's own program reads now: what comes stays in the sockets.
  client.kill('SIGSTOP');
  await sleep(3_000);
  const gotSoFar = got;
  const whileStopped = await grown();
  client.kill('SIGCONT');
  const [code] = await once(client, 'close');

  expect(gotSoFar).toBeLessThan(bytes / 2);
  expect(whileStopped).toBeLessThan(allowanceBytes);
  expect(code).toBe(0);
  expect(got).toBe(bytes);
  expect(await grown()).toBeLessThan(allowanceBytes);
}, 120_000);

test('a program that does not read its input makes the client wait', async () => {
  await using ssh = await startSsh(sut, 'dba', { command: ['echo running; exec sleep 100'] });
  await ssh.said('running');
  const piece = Buffer.alloc(mebibyte);

  let sent = 0;
  for (; sent < 128; sent += 1) {
    if (ssh.child.stdin.write(piece)) continue;
    const drained = await Promise.race([
      once(ssh.child.stdin, 'drain').then(() => true),
      sleep(1_500, false, { ref: false }),
    ]);
    if (!drained) break;
  }

  expect(sent).toBeLessThan(32);
  expect(await grown()).toBeLessThan(allowanceBytes);
});

test('others are served while somebody floods', async () => {
  await using flood = await startSsh(sut, 'dba', { command: ['cat /dev/zero'] });
  await once(flood.child.stdout, 'data');
  flood.child.stdout.removeAllListeners('data');
  flood.child.stdout.on('data', () => {});
  const beganAt = Date.now();

  const end = await sut.ssh('dev', ['echo served']);

  expect(end).toMatchObject({ code: 0, stdout: 'served\n' });
  expect(Date.now() - beganAt).toBeLessThan(10_000);
  expect(await grown()).toBeLessThan(allowanceBytes);
});
