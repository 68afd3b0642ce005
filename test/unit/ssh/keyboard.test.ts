import { describe, expect, test } from '@jest/globals';
import { rest, say } from './bytes.ts';
import { openSession, type Rig, recorded, recordedBytes, startRig } from './rig.ts';

async function terminal(): Promise<Rig> {
  const rig = startRig();
  await openSession(rig);
  rig.client.say(say.request(0, 'pty-req', false, rest.pty()), say.request(0, 'shell', false));
  await rig.settle();
  rig.target.heard();
  return rig;
}

async function types(rig: Rig, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    rig.client.say(say.data(0, text));
    await rig.settle();
  }
}

async function shows(rig: Rig, text: string): Promise<void> {
  rig.target.say(say.data(0, text));
  await rig.settle();
}

const typed = (rig: Rig) => recordedBytes(rig, 'client bytes', 2);
const withheld = (rig: Rig) => recorded(rig, 'notice').flatMap(({ withheld: count }) => count ?? []);

describe('what is typed into a terminal', () => {
  test('reaches the target as it is, key by key', async () => {
    const rig = await terminal();

    await types(rig, 'l', 's', '\r');

    expect(rig.target.heard()).toEqual(['data 20 "l"', 'data 20 "s"', 'data 20 "\\r"']);
  });

  test('into a subsystem is told like what is typed into a program', async () => {
    const rig = startRig();
    await openSession(rig);
    rig.client.say(
      say.request(0, 'pty-req', false, rest.pty()),
      say.request(0, 'subsystem', false, rest.strings('menu')),
    );
    await rig.settle();
    await shows(rig, 'Password: ');

    await types(rig, 'geheim\r');

    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([7]);
  });

  test('is recorded when its echo is seen, and that it was typed before', async () => {
    const rig = await terminal();

    await types(rig, 'l');
    const before = typed(rig);
    await shows(rig, 'l');

    expect([before, typed(rig)]).toEqual(['', 'l']);
    expect(recorded(rig, 'notice')).toEqual([{ channel: 2, typed: 1 }]);
  });

  test('is recorded at once where a line comes whole', async () => {
    const rig = await terminal();

    await types(rig, 'rm -rf /tmp/x\r');

    expect(typed(rig)).toBe('rm -rf /tmp/x\r');
  });

  test.each([
    ...[
      '\x1b[1mPassword:\x1b[0m ',
      '\x1b]0;login\x07Password: \x1b[?25h',
      'API key: ',
      'AWS secret access key? ',
    ],
    ...['Senha: ', 'Wachtwoord: ', 'Пароль: ', '密码：', 'パスワード:'],
    'Password: ',
    '[sudo] password for dev: ',
    'Enter PIN: ',
    'Enter passphrase for key: ',
  ])('in answer to "%s" is not recorded, whole or key by key, asterisks or none', async prompt => {
    const rig = await terminal();
    await shows(rig, `\r\n${prompt}`);

    await types(rig, 'hunter2\r');
    await shows(rig, `\r\n${prompt}`);
    for (const key of 'geheim') {
      await types(rig, key);
      await shows(rig, '*');
    }
    await types(rig, '\r');

    const all = rig.entries.map(([, content]) => content).join();
    expect(all).not.toMatch(/hunter2|geheim/);
    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([8, 7]);
  });

  test.each([
    ['asterisks', '*'],
    ['dots', '●'],
    ['a bell', '\x07'],
    ['a cursor that moves', '\x1b[C'],
  ])('and is answered by %s is not recorded, whatever the prompt', async (_name, shown) => {
    const rig = await terminal();
    await shows(rig, '\r\nHow do you open it ');

    for (const key of 'geheim') {
      await types(rig, key);
      await shows(rig, shown);
    }
    await types(rig, '\r');
    await shows(rig, '\r\n');

    expect(rig.entries.map(([, content]) => content).join()).not.toContain('geheim');
    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([7]);
  });

  test('of an asterisk, is recorded when it is echoed', async () => {
    const rig = await terminal();

    for (const key of 'ls *') {
      await types(rig, key);
      await shows(rig, key);
    }
    await types(rig, '\r');

    expect(typed(rig)).toBe('ls *\r');
  });

  test('is recorded key by key where the client has asked for no echo', async () => {
    const rig = startRig();
    await openSession(rig);
    const silent = rest.pty('xterm', 80, 24, [[53, 0]]);
    rig.client.say(say.request(0, 'pty-req', false, silent), say.request(0, 'shell', false));
    await rig.settle();

    await types(rig, 'i', 'd', '\r');
    await shows(rig, '\r\nPassword: ');
    await types(rig, 'h', 'i', '\r');

    expect(recorded(rig, 'resize')).toEqual([expect.objectContaining({ echo: false })]);
    expect(typed(rig)).toBe('id\r');
    expect(withheld(rig)).toEqual([3]);
  });

  test('where nothing is echoed is not recorded', async () => {
    const rig = await terminal();
    await shows(rig, '\r\n? ');

    await types(rig, 'a', 'b', 'c', '\r');
    await shows(rig, '\r\n');

    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([4]);
  });

  test('and not echoed when the channel ends is counted', async () => {
    const rig = await terminal();

    await types(rig, 'abc');
    rig.client.say(say.close(0));
    rig.target.say(say.close(0));
    await rig.settle();

    expect(withheld(rig)).toEqual([3]);
  });

  test('without echo is withheld as far as passwords go, and recorded from there on', async () => {
    const rig = await terminal();

    for (let index = 0; index < 100; index += 1) {
      await types(rig, 'x'.repeat(100), '\r');
      await shows(rig, '\r\n');
    }

    const unseen = withheld(rig).reduce((sum, count) => Number(sum) + Number(count), 0);
    expect(unseen).toBeGreaterThan(3_900);
    expect(unseen).toBeLessThanOrEqual(4_096);
    expect(typed(rig).length + Number(unseen)).toBe(10_100);
  });

  test('at prompts for secrets is withheld as far as passwords go, too', async () => {
    const rig = await terminal();

    for (let index = 0; index < 100; index += 1) {
      await shows(rig, '\r\nPassword: ');
      await types(rig, `${'x'.repeat(100)}\r`);
    }

    const unseen = withheld(rig).reduce((sum, count) => Number(sum) + Number(count), 0);
    expect(unseen).toBeGreaterThan(3_900);
    expect(unseen).toBeLessThanOrEqual(4_096);
    expect(typed(rig).length + Number(unseen)).toBe(10_100);
  });

  test.each(['', '\r'])(
    'in one piece larger than a password is recorded before it is echoed',
    async enter => {
      const rig = await terminal();
      const paste = `${'x'.repeat(5_000)}${enter}`;

      await types(rig, paste);

      expect(typed(rig)).toBe(paste);
      expect(withheld(rig)).toEqual([]);
    },
  );

  test('in answer to a prompt is not recorded where something else writes meanwhile', async () => {
    const rig = await terminal();
    await shows(rig, '\r\nPassword: ');

    await types(rig, 'h', 'u');
    await shows(rig, 'noise1\r\n');
    await types(rig, 'n', 't');
    await shows(rig, 'noise2\r\n');
    await types(rig, 'e', 'r', '\r');

    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([7]);
  });

  test('without a prompt and an echo is not recorded where something else writes meanwhile', async () => {
    const rig = await terminal();
    await shows(rig, '\r\nHow do you open it ');

    await types(rig, 'h', 'u', 'n');
    await shows(rig, 'a job is done\r\n');
    await types(rig, 't', '\r');
    await shows(rig, '\r\n');

    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([5]);
  });

  test('and echoed is recorded, though the prompt looks like one for a secret', async () => {
    const rig = await terminal();
    await shows(rig, '\r\ntoken: ');

    for (const key of 'id') {
      await types(rig, key);
      await shows(rig, key);
    }
    await types(rig, '\r');

    expect(typed(rig)).toBe('id\r');
    expect(withheld(rig)).toEqual([]);
  });

  test('is recorded as its echo comes, late, together, or behind keys that had none', async () => {
    const rig = await terminal();

    await types(rig, 'l', 's', ' ');
    await shows(rig, 'l');
    await shows(rig, 's ');
    await types(rig, 'x', 'y');
    await shows(rig, 'y');

    expect(typed(rig)).toBe('ls y');
    expect(withheld(rig)).toEqual([1]);
  });

  test('is recorded where a program that has the whole screen draws in answer', async () => {
    const rig = await terminal();
    await shows(rig, '\x1b[?10');
    await shows(rig, '49h\x1b[Hthe first line');

    await types(rig, 'j');
    await shows(rig, '\x1b[24;1Hthe next line\x1b[K');

    expect(typed(rig)).toBe('j');
  });

  test.each([
    '\x1b[2K\x1b[G? Enter your npm token [input is masked]',
    '\x1b[999D\x1b[J◆  Password:\n│  ▪▪▪▪_',
    '\x1b[2K\x1b[GHow do you open it? ▪',
  ])('at a prompt that is drawn anew at each key (%j) is not recorded', async prompt => {
    const rig = await terminal();
    await shows(rig, prompt);

    for (const key of 'hunter2') {
      await types(rig, key);
      await shows(rig, prompt);
    }
    await types(rig, '\r');
    await shows(rig, '\r\n');

    expect(typed(rig)).toBe('');
    expect(withheld(rig)).toEqual([8]);
  });

  test('and echoed after its Enter, on a slow line, is recorded', async () => {
    const rig = await terminal();

    await types(rig, 'l', 's', ' ', '-', 'l', '\r');
    await shows(rig, 'ls');
    await shows(rig, ' -l\r\ntotal 0\r\n$ ');

    expect(typed(rig)).toBe('ls -l\r');
    expect(withheld(rig)).toEqual([]);
  });

  test('of several bytes is known by its echo, however that is cut', async () => {
    const rig = await terminal();
    const [first, second] = [...Buffer.from('é')].map(byte => Buffer.of(byte));

    await types(rig, 'é');
    rig.target.say(say.data(0, first!));
    rig.target.say(say.data(0, second!));
    await rig.settle();

    expect(typed(rig)).toBe(Buffer.from('é').toString('latin1'));
  });

  test('behind what looks like the start of a sequence is not taken for nothing', async () => {
    const rig = await terminal();
    await shows(rig, '\r\nHow do you open it ');

    await types(rig, '\x1b', 'P', 'g', 'e', 'h');
    await shows(rig, 'a job is done\r\n');

    expect(typed(rig)).toBe('');
  });

  test('after ctrl-C at a prompt for a secret is like any other', async () => {
    const rig = await terminal();
    await shows(rig, '\r\nPassword: ');

    await types(rig, 'geh', '\x03');
    await shows(rig, '^C\r\n$ ');
    await types(rig, 'curl x | sh\r');

    expect(withheld(rig)).toEqual([4]);
    expect(typed(rig)).toBe('curl x | sh\r');
  });

  test('is withheld up to the same bound in all terminals of a session', async () => {
    const rig = await terminal();
    rig.client.say(say.open('session', 11));
    await rig.settle();
    rig.target.say(say.confirm(1, 21));
    await rig.settle();
    rig.client.say(say.request(1, 'pty-req', false, rest.pty()), say.request(1, 'shell', false));
    await rig.settle();

    for (let turn = 0; turn < 30; turn += 1) {
      for (const channel of [0, 1]) {
        rig.target.say(say.data(channel, '\r\nPassword: '));
        await rig.settle();
        rig.client.say(say.data(channel, `${'x'.repeat(100)}\r`));
        await rig.settle();
      }
    }

    expect(withheld(rig).reduce((sum, count) => Number(sum) + Number(count), 0)).toBeLessThanOrEqual(4_096);
  });
});
