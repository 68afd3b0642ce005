/** What an operator does to live SSH sessions: ends one, locks somebody out, takes the gateway down. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AccessStore } from '#lib/aws/access-store.ts';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { processesWith } from '../../harness/start-program.ts';
import { eventually } from '../support/eventually.ts';
import { startSsh } from './background.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

/** A command that says that it runs, and then does for a minute nothing that would end by itself. */
const waiting = (mark: string) => `echo running; exec sleep 60.${mark}`;
const runs = async (mark: string) => (await processesWith('sleep', `60.${mark}`)).length > 0;

/** The only live session. */
const liveId = () =>
  eventually(
    'it is listed',
    async () =>
      (await sut.cli('approver', 'sessions', '--live', '--json')).stdout.match(
        /[0-9a-f]{8}-[0-9a-f-]{27}/,
      )?.[0],
  );

describe('sallyport kill', () => {
  test('ends a live session, tells its client why, and what it ran at the target ends', async () => {
    const { value, recording } = await sut.recordedOne(async () => {
      await using ssh = await startSsh(sut, 'dev', { command: [waiting('11')] });
      await ssh.said('running');
      const killed = await sut.cli('approver', 'kill', await liveId(), '--reason', 'INC-7: a leaked laptop');
      return { killed, code: await ssh.ended, said: ssh.stderr };
    });

    expect(value.killed.code).toBe(0);
    expect(value.code).toBe(255);
    expect(value.said).toContain('approver@shop.example');
    expect(value.said).toContain('INC-7: a leaked laptop');
    await eventually('it does not run any more', async () => !(await runs('11')));
    expect(recording).toMatchObject({ faults: [], end: { how: 'killed' } });
    expect(recording.commands).toEqual([expect.objectContaining({ command: waiting('11') })]);
  });

  test('ends a transfer in the middle: the recording has the file, and says that it has not all of it', async () => {
    const { recording } = await sut.recordedOne(async () => {
      await using ssh = await startSsh(sut, 'dev', {
        before: ['-s'],
        command: ['sftp'],
      });
      // INIT, and an OPEN for writing of what then never comes.
      const path = Buffer.from(join(sut.place, 'half'));
      const open = Buffer.concat([
        Buffer.from([3]),
        int32(1),
        int32(path.length),
        path,
        int32(0x1a),
        int32(0),
      ]);
      ssh.child.stdin.write(Buffer.concat([packet(Buffer.from([1, 0, 0, 0, 3])), packet(open)]));
      await eventually('a handle has come', () => ssh.stdout.length > 40);
      await sut.cli('approver', 'kill', await liveId(), '--reason', 'enough');
      await ssh.ended;
    });

    expect(recording.files).toEqual([
      expect.objectContaining({ path: join(sut.place, 'half'), direction: 'write', bytes: 0 }),
    ]);
    expect(recording.end).toMatchObject({ how: 'killed' });
  });
});

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const packet = (body: Buffer) => Buffer.concat([int32(body.length), body]);

test('a lock on a person ends their sessions within seconds, lets none begin, and no other person notices', async () => {
  const { aws, identity } = sut.stack.ready;
  const client = new DynamoDBClient({
    endpoint: aws.endpoint,
    region: aws.region,
    credentials: { accessKeyId: aws.accessKeyId, secretAccessKey: aws.secretAccessKey },
  });
  const access = new AccessStore({ table: new DynamoTable(client, aws.tables['access']!) });
  const lock = {
    locks: { kind: 'principal' as const, issuer: identity.issuer, subject: 'dev' },
    reason: 'INC-8: gone with the keys',
    by: { issuer: identity.issuer, subject: 'approver', name: 'approver@shop.example' },
    createdAt: Date.now(),
  };
  try {
    await using locked = await startSsh(sut, 'dev', { command: [waiting('21')] });
    await using other = await startSsh(sut, 'dba', { command: ['echo running; cat'] });
    await Promise.all([locked.said('running'), other.said('running')]);

    await access.putLock(lock);
    const lockedAt = Date.now();
    const code = await locked.ended;
    const tookMs = Date.now() - lockedAt;
    const again = await sut.ssh('dev', ['true']);
    other.child.stdin.end('still here');

    expect(code).toBe(255);
    expect(tookMs).toBeLessThan(10_000);
    expect(locked.stderr).toContain('INC-8: gone with the keys');
    expect(again.code).toBe(255);
    expect(again.stderr).toContain('Sallyport: ');
    expect(await other.ended).toBe(0);
    expect(other.stdout).toBe('running\nstill here');
  } finally {
    await access.deleteLock(lock.locks);
    client.destroy();
  }
});

// The last one: the gateway is gone afterwards.
test('SIGTERM lets what runs finish, ends idle connections at once, lets nobody in, and closes the recordings', async () => {
  const { exited, pid } = sut.stack.gateway;
  const go = join(sut.place, 'go');

  const { value, recordings } = await sut.recorded(async () => {
    await using idle = await startSsh(sut, 'dev', { before: ['-v', '-N'] });
    await using busy = await startSsh(sut, 'dba', {
      command: [`echo running; until [ -e ${go} ]; do sleep 0.1; done; echo finished; exit 5`],
    });
    await idle.said('Entering interactive session');
    await busy.said('running');

    process.kill(pid!, 'SIGTERM');
    const idleCode = await idle.ended;
    const newcomer = await sut.ssh('dev', ['true']);
    await writeFile(go, '');
    const busyCode = await busy.ended;
    return { idleCode, idleSaid: idle.stderr, newcomer, busyCode, busy: busy.stdout, exit: await exited };
  }, 2);

  expect(value).toMatchObject({
    idleCode: 255,
    newcomer: { code: 255 },
    busyCode: 5,
    busy: 'running\nfinished\n',
    exit: { code: 0, signal: null },
  });
  expect(value.idleSaid).toContain('Sallyport: ');
  for (const recording of recordings)
    expect(recording).toMatchObject({ faults: [], end: { how: 'shutdown' } });
  expect(recordings.flatMap(({ commands }) => commands)).toEqual([
    expect.objectContaining({ kind: 'exec', exit: { status: 5 } }),
  ]);
}, 90_000);
