/** Commands without a terminal. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { connect } from './one-connection.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

const mebibyte = 1024 ** 2;

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

const sha256 = async (file: string) => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
};

describe('a command', () => {
  test('runs at the target, and its output, its errors and its exit status come back and are recorded', async () => {
    const line = 'echo out; echo err >&2; exit 42';

    const { value: end, recording } = await sut.recordedOne(() => sut.ssh('dba', [line]));

    expect(end).toEqual({ code: 42, stdout: 'out\n', stderr: 'err\n' });
    expect(recording.commands).toEqual([
      expect.objectContaining({ kind: 'exec', command: line, exit: { status: 42 }, channel: 2 }),
    ]);
    expect(recording.commands[0]!['sha256']).toBe(createHash('sha256').update(line).digest('hex'));
    expect(recording.toClient(2).head.toString()).toBe('out\n');
    expect(recording.toClient(3).head.toString()).toBe('err\n');
    expect(recording).toMatchObject({ faults: [], refusals: [], end: { how: 'closed' } });
    expect(recording.open).toMatchObject({
      protocol: 'ssh',
      target: 'web-1',
      principal: { name: 'dba@shop.example' },
    });
  });

  test('that a signal ends is said to have been ended by it', async () => {
    const { value: end, recording } = await sut.recordedOne(() => sut.ssh('dba', ['kill -KILL $$']));

    expect(end.code).toBe(255);
    expect(recording.commands[0]).toMatchObject({ exit: { signal: 'KILL' } });
  });

  test('reads what is written to it, to its end', async () => {
    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dev', ['cat'], { input: 'one\ntwo' }),
    );

    expect(end).toEqual({ code: 0, stdout: 'one\ntwo', stderr: '' });
    expect(recording.fromClient(2).head.toString()).toBe('one\ntwo');
  });

  test('may close its output early', async () => {
    const end = await sut.ssh('dba', ['yes | head -n 3']);

    expect(end).toMatchObject({ code: 0, stdout: 'y\ny\ny\n' });
  });

  test('gets variables that the target lets a client set, and the recording says which were asked for', async () => {
    const settings = { SetEnv: 'LC_SALLYPORT=välue SECRET_PLACE=nowhere' };

    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dba', ['echo "$LC_SALLYPORT,$SECRET_PLACE"'], { settings }),
    );

    expect(end.stdout).toBe('välue,\n');
    expect(recording.commands[0]).toMatchObject({
      environment: { LC_SALLYPORT: 'välue', SECRET_PLACE: 'nowhere' },
    });
  });

  test('in bytes that are no UTF-8 is passed on and recorded as it is', async () => {
    const settings = await sut.settings();
    // The shell makes the byte, since arguments of ours are text.
    const { value: end, recording } = await sut.recordedOne(() =>
      run('sh', ['-c', `exec ssh -F "$0" gw "$(printf 'printf \\\\351\\\\n # \\351')"`, settings], {
        env: sut.env(sut.stack.ready.people['dba']!.token),
      }),
    );

    expect(end.code).toBe(0);
    expect(recording.commands[0]).toMatchObject({ kind: 'exec' });
    expect(Buffer.from(String(recording.commands[0]!['commandBase64']), 'base64').at(-1)).toBe(0xe9);
  });

  test('64 MiB go in and come out unchanged, and are in the recording whole', async () => {
    const there = join(sut.folder, 'there');
    const back = join(sut.folder, 'back');
    await run('sh', ['-c', `head -c ${64 * mebibyte} /dev/urandom > '${there}'`]);
    const settings = await sut.settings();

    const { value: end, recording } = await sut.recordedOne(() =>
      run('sh', ['-c', `exec ssh -F '${settings}' gw cat <'${there}' >'${back}'`], {
        env: sut.env(sut.stack.ready.people['dev']!.token),
      }),
    );

    const hash = await sha256(there);
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(await sha256(back)).toBe(hash);
    expect(recording.fromClient(2)).toMatchObject({ bytes: 64 * mebibyte, sha256: hash });
    expect(recording.toClient(2)).toMatchObject({ bytes: 64 * mebibyte, sha256: hash });
    expect(recording.faults).toEqual([]);
  }, 120_000);
});

describe('a command that is refused', () => {
  test('gives 126 and a sentence, reaches nothing, and is in the recording as refused', async () => {
    const mark = join(sut.place, 'must-not-be-there');
    const line = `touch ${mark}; eval "$(cat /etc/hostname)"`;

    const { value: end, recording } = await sut.recordedOne(() => sut.ssh('dev', [line]));

    expect(end.code).toBe(126);
    expect(end.stdout).toBe('');
    expect(end.stderr).toMatch(/^Sallyport: .*refused.*nothing-opaque/);
    expect(await readdir(sut.place)).toEqual([]);
    expect(recording.commands).toEqual([]);
    expect(recording.refusals).toHaveLength(1);
    expect(recording.refusals[0]).toMatchObject({ code: 'denied' });
    expect(JSON.stringify(recording.decisions)).toContain('must-not-be-there');
  });

  test('does not keep the next one on the same connection from running', async () => {
    const { value: ends, recording } = await sut.recordedOne(async () => {
      await using client = await connect(sut, 'dev');
      return [await client.exec('eval "$HOME"'), await client.exec('echo still here')];
    });

    expect(ends[0]).toMatchObject({ code: 126, stdout: '' });
    expect(ends[1]).toEqual({ code: 0, stdout: 'still here\n', stderr: '' });
    expect(recording.refusals).toHaveLength(1);
    expect(recording.commands).toMatchObject([{ command: 'echo still here', exit: { status: 0 } }]);
  });

  test('input that was sent along with it goes nowhere', async () => {
    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dev', ['eval "$0"'], { input: 'x'.repeat(4 * mebibyte) }),
    );

    expect(end.code).toBe(126);
    expect(recording.refusals).toHaveLength(1);
    expect(recording.faults).toEqual([]);
  });
});

test('nothing of the gateway is in the environment of what runs', async () => {
  const end = await sut.ssh('dba', ['env']);

  expect(end.code).toBe(0);
  expect(end.stdout).not.toContain('SALLYPORT');
  expect(end.stdout).not.toContain(sut.stack.ready.people['dba']!.token);
  expect(await readFile(sut.stack.ready.paths.gatewayLog, 'utf8')).not.toContain(
    sut.stack.ready.people['dba']!.token,
  );
});
