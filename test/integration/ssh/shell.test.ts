/** A shell in a real terminal (terminal.py). */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sampleSecret } from '#local/ssh-gateway.ts';
import { run } from '../../harness/program.ts';
import { debianPython } from '../../harness/tools.ts';
import type { PersonName } from '../support/test-stack.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

const terminal = fileURLToPath(new URL('terminal.py', import.meta.url));

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack({
    targets: { 'web-2': { protocol: 'ssh', secret: 'sallyport/targets/web-2' } },
    policies: `
@id("developers-commands-only")
permit(
  principal in Group::"developers",
  action in [Action::"connect", Action::"ssh:exec"],
  resource == Target::"web-2"
);`,
  });
  await sut.stack.putSecret('sallyport/targets/web-2', sampleSecret(sut.stack.ssh!.sample));
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

type Step = readonly [string, ...(string | number)[]];

/** A person at a shell, who does these things, and reads everything that is shown. */
async function at(
  person: PersonName,
  steps: readonly Step[],
  User = 'web-1',
  command: readonly string[] = [],
) {
  const settings = await sut.settings({ User });
  const end = await run(debianPython, [terminal, 'ssh', '-F', settings, '-tt', 'gw', ...command], {
    input: JSON.stringify(steps),
    env: { ...sut.env(sut.stack.ready.people[person]!.token), TERM: 'xterm' },
  });
  if (end.code === 99) throw new Error(`${end.stderr}${end.stdout}`);
  return end;
}

const prompt: Step = ['expect', '$ '];
const leave: Step = ['paste', 'exit 7\r'];

test('a shell runs in a terminal of the size of the client, follows it, and ends with its exit status', async () => {
  const { value: end, recording } = await sut.recordedOne(() =>
    at('dev', [
      prompt,
      ['paste', 'stty size; echo $TERM\r'],
      ['expect', '24 80\r\nxterm\r\n'],
      ['resize', 101, 31],
      ['wait', 0.3],
      ['paste', 'stty size\r'],
      ['expect', '31 101\r\n'],
      leave,
    ]),
  );

  expect(end.code).toBe(7);
  expect(recording.commands).toEqual([
    expect.objectContaining({ kind: 'shell', channel: 2, pty: true, exit: { status: 7 } }),
  ]);
  expect(recording.resizes).toEqual([
    { channel: 2, cols: 80, rows: 24, term: 'xterm' },
    { channel: 2, cols: 101, rows: 31 },
  ]);
  expect(recording).toMatchObject({ faults: [], end: { how: 'closed' } });
});

test('what is typed key by key is recorded with its echo, and what is shown is recorded as it was', async () => {
  const { value: end, recording } = await sut.recordedOne(() =>
    at('dev', [prompt, ['type', 'echo mark-$((6*7))'], ['paste', '\r'], ['expect', 'mark-42\r\n'], leave]),
  );

  expect(recording.fromClient(2).head.toString()).toContain('echo mark-$((6*7))');
  expect(recording.toClient(2).head.toString()).toContain('mark-42\r\n');
  // The client's own terminal adds nothing to it.
  expect(end.stdout).toContain(recording.toClient(2).head.toString().trimEnd());
  expect(recording.notices).toContainEqual({ channel: 2, typed: 1 });
});

test('a password that is asked for without echo reaches the program, and the recording has its length alone', async () => {
  const secret = 'Tr0ub4dor-and-3';
  const { recording } = await sut.recordedOne(() =>
    at('dev', [
      prompt,
      [
        'paste',
        'read -rsp "Passphrase: " word; echo; printf "it has %s letters\\n" $(expr length "$word")\r',
      ],
      ['expect', 'Passphrase: '],
      ['expect', 'Passphrase: '],
      ['type', secret],
      ['paste', '\r'],
      ['expect', `it has ${secret.length} letters`],
      leave,
    ]),
  );

  expect(recording.everything.includes(secret)).toBe(false);
  expect(recording.everything.includes(secret.slice(3, 9))).toBe(false);
  const counted = (name: string) =>
    recording.notices.reduce((sum, notice) => sum + Number(notice[name] ?? 0), 0);
  expect(counted('typed')).toBeGreaterThanOrEqual(secret.length);
  expect(counted('withheld')).toBeGreaterThanOrEqual(secret.length);
});

test('a password at a prompt that says nothing of one is told by its missing echo', async () => {
  const secret = 'Tr0ub4dor-and-3';
  const { recording } = await sut.recordedOne(() =>
    at('dev', [
      prompt,
      [
        'paste',
        'stty -echo; echo now; read -r word; stty echo; printf "it has %s letters\\n" $(expr length "$word")\r',
      ],
      ['expect', 'now\r\n'],
      ['type', secret],
      ['paste', '\r'],
      ['expect', `it has ${secret.length} letters`],
      leave,
    ]),
  );

  expect(recording.everything.includes(secret)).toBe(false);
  expect(recording.everything.includes(secret.slice(3, 9))).toBe(false);
});

test('Ctrl-C interrupts what runs, and the shell goes on', async () => {
  const { value: end, recording } = await sut.recordedOne(() =>
    at('dev', [
      prompt,
      ['paste', 'sleep 100\r'],
      ['expect', 'sleep 100'],
      ['wait', 0.5],
      ['type', '\x03'],
      ['expect', '^C'],
      prompt,
      ['paste', 'echo "ended by $?"\r'],
      ['expect', 'ended by 130'],
      leave,
    ]),
  );

  expect(end.code).toBe(7);
  expect(recording.fromClient(2).head.includes(3)).toBe(true);
});

test('a full-screen program works', async () => {
  const end = await at('dev', [
    prompt,
    ['paste', 'less /etc/passwd\r'],
    ['expect', 'root:x:0:0'],
    ['type', 'q'],
    prompt,
    leave,
  ]);

  expect(end.code).toBe(7);
});

test('a command may have a terminal as well', async () => {
  const { value: end, recording } = await sut.recordedOne(() =>
    at('dba', [['expect', '24 80']], 'web-1', ['stty size; exit 3']),
  );

  expect(end.code).toBe(3);
  expect(recording.commands[0]).toMatchObject({ kind: 'exec', pty: true, command: 'stty size; exit 3' });
});

describe('where policy permits commands alone', () => {
  test('a shell is refused with a sentence, nothing of it runs, and the recording says so', async () => {
    const before = await readdir(sut.place);

    const { value: end, recording } = await sut.recordedOne(() =>
      at('dev', [['paste', `touch ${sut.place}/must-not-be-there\r`]], 'web-2'),
    );

    expect(end.code).toBe(1);
    expect(end.stdout).toContain('Sallyport: shell refused');
    expect(await readdir(sut.place)).toEqual(before);
    expect(recording.commands).toEqual([]);
    expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
  });

  test('a command runs', async () => {
    expect(await sut.ssh('dev', ['whoami'], { settings: { User: 'web-2' } })).toMatchObject({ code: 0 });
  });
});
