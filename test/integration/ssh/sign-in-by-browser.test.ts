/** Sign-in by keyboard-interactive with a browser, and the key that is bound by it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { refuseDevice, signInByDevice } from '../../support/device-sign-in.ts';
import { eventually } from '../support/eventually.ts';
import { type SshSettings, type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
  // What a person does at the prompt: press Enter once they are through with the browser.
  await writeFile(
    join(sut.folder, 'enter'),
    `#!/bin/sh\nfor i in $(seq 300); do [ -e "$SSH_SIGNED_IN" ] && break; sleep 0.1; done\necho\n`,
    { mode: 0o755 },
  );
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

let keys = 0;
/** A fresh key in a file, as ssh-keygen makes it. */
async function freshKey(kind = 'ed25519'): Promise<{ file: string; fingerprint: string }> {
  keys += 1;
  const file = join(sut.folder, `id-${keys}`);
  await run('ssh-keygen', ['-q', '-t', kind, '-N', '', '-C', 'a person', '-f', file]);
  const printed = await run('ssh-keygen', ['-l', '-f', `${file}.pub`]);
  return { file, fingerprint: printed.stdout.split(' ')[1]! };
}

const withKey = (file: string, changes: SshSettings = {}): SshSettings => ({
  IdentityFile: file,
  IdentitiesOnly: 'yes',
  PreferredAuthentications: 'publickey,keyboard-interactive',
  ...changes,
});

let signIns = 0;
/** Runs ssh, and does at its address what `person` does. */
async function signIn(settings: SshSettings, inBrowser: (link: string) => Promise<unknown>) {
  signIns += 1;
  const signedIn = join(sut.folder, `signed-in-${signIns}`);
  let said = '';
  let done = false;
  const file = await sut.settings(settings);
  const child = spawn('ssh', ['-F', file, 'gw', 'whoami'], {
    env: {
      PATH: process.env['PATH']!,
      SSH_ASKPASS: join(sut.folder, 'enter'),
      SSH_ASKPASS_REQUIRE: 'force',
      SSH_SIGNED_IN: signedIn,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.on('data', chunk => (stdout += chunk));
  child.stderr.on('data', chunk => (said += chunk));
  const closed = once(child, 'close').then(([code]) => {
    done = true;
    return code as number;
  });
  const link = await eventually('an address is shown, or it is over', () => {
    if (done) return 'none';
    return /https?:\/\/\S+/.exec(said)?.[0];
  });
  if (link !== 'none') {
    await inBrowser(link);
    await writeFile(signedIn, '');
  }
  return { code: await closed, stdout, stderr: said, link };
}

const as = (person: string) => (link: string) =>
  signInByDevice(link, person, sut.stack.ready.identity.passcode);
const silent = (file: string, changes: SshSettings = {}) =>
  sut.ssh('dev', ['echo silently'], { settings: withKey(file, { BatchMode: 'yes', ...changes }) });

describe('with a key', () => {
  let key: Awaited<ReturnType<typeof freshKey>>;
  beforeAll(async () => {
    key = await freshKey();
  });

  test('the first connection shows an address and a code, lets in who signs in there, and binds the key', async () => {
    let shown = '';
    const { value: end, recording } = await sut.recordedOne(() =>
      signIn(withKey(key.file), async link => {
        const { code } = await signInByDevice(link, 'dev', sut.stack.ready.identity.passcode);
        shown = code.text;
      }),
    );

    expect(end.code).toBe(0);
    expect(end.stdout.trim()).toBe(sut.stack.ssh!.sample.direct.user);
    expect(end.stderr).toContain('Sign in with your browser, and compare the code');
    const code = /^ {2}([A-Z]{4}-[A-Z]{4})\s*$/m.exec(end.stderr)?.[1];
    expect(code).toBeDefined();
    expect(shown).toContain(code);
    expect(end.stderr).toContain(`from now on the key ${key.fingerprint} signs you in`);
    expect(recording.open).toMatchObject({ principal: { name: 'dev@shop.example', subject: 'dev' } });
  });

  test('the next one is silent, and is the same person', async () => {
    const { value: end, recording } = await sut.recordedOne(() => silent(key.file));

    expect(end).toMatchObject({ code: 0, stdout: 'silently\n', stderr: '' });
    expect(recording.open).toMatchObject({ principal: { name: 'dev@shop.example', subject: 'dev' } });
  });

  test('sallyport keys lists it, and revokes it: then the person is asked again', async () => {
    const listed = await sut.cli('dev', 'keys');
    const another = await sut.cli('auditor', 'keys', '--principal', 'dev@');
    const revoked = await sut.cli('dev', 'keys', 'revoke', key.fingerprint);
    const afterwards = await sut.cli('dev', 'keys');

    expect(listed.stdout).toContain(key.fingerprint);
    expect(another.stdout).toContain(key.fingerprint);
    expect(revoked.code).toBe(0);
    expect(afterwards.stdout).not.toContain(key.fingerprint);
    expect((await silent(key.file)).code).toBe(255);
    const again = await signIn(withKey(key.file), as('dba'));
    expect(again).toMatchObject({ code: 0 });
    expect(again.link).toMatch(/^http/);
    // Now it is somebody else's.
    const { recording } = await sut.recordedOne(() => silent(key.file));
    expect(recording.open).toMatchObject({ principal: { name: 'dba@shop.example' } });
  });
});

test.each(['ecdsa', 'rsa'])('a key may be of %s', async kind => {
  const key = await freshKey(kind);

  const first = await signIn(withKey(key.file), as('dev'));

  expect(first).toMatchObject({ code: 0 });
  expect(await silent(key.file)).toMatchObject({ code: 0 });
});

test('a key that is not bound is told why it signs nobody in, where nobody can be asked', async () => {
  const { file } = await freshKey();

  const end = await silent(file);

  expect(end.code).toBe(255);
  expect(end.stderr).toMatch(/Sallyport: the key SHA256:\S+ signs nobody in .* Run ssh once in a terminal/);
});

test('a key that is bound is nothing without the private half: its public half gets nobody in', async () => {
  const key = await freshKey();
  await signIn(withKey(key.file), as('dev'));
  const stranger = await freshKey();
  // An agent would sign with the wrong key for the right name: the file says one key, its .pub another.
  await run('cp', [`${key.file}.pub`, `${stranger.file}.pub`]);

  const end = await silent(stranger.file);

  expect(end.code).toBe(255);
});

test('another key of the same person is asked', async () => {
  const bound = await freshKey();
  await signIn(withKey(bound.file), as('dev'));
  const other = await freshKey();

  expect((await silent(other.file)).code).toBe(255);
  expect((await silent(bound.file)).code).toBe(0);
});

test('a person who may bind no key is let in each time by the browser, if at all', async () => {
  const key = await freshKey();

  const end = await signIn(withKey(key.file), as('auditor'));

  // Auditors may not open the target either: both are said, and the key stands for nobody.
  expect(end.code).toBe(255);
  expect(end.stdout).toBe('');
  expect(end.stderr).toContain('the key is not remembered');
  expect((await sut.cli('auditor', 'keys')).stdout).not.toContain(key.fingerprint);
});

test('without a key the browser signs in this once', async () => {
  const settings = { PreferredAuthentications: 'keyboard-interactive', IdentityFile: 'none' };

  const end = await signIn(settings, as('dev'));

  expect(end.code).toBe(0);
  expect(end.stderr).not.toContain('from now on');
});

test('who refuses in the browser is not let in', async () => {
  const key = await freshKey();

  const end = await signIn(withKey(key.file, { NumberOfPasswordPrompts: '1' }), refuseDevice);

  expect(end.code).toBe(255);
  expect(end.stderr).toContain('the sign-in was refused');
  expect((await silent(key.file)).code).toBe(255);
});

test('a client that asks for no prompts is refused without waiting for anybody', async () => {
  const key = await freshKey();
  const began = Date.now();

  const end = await silent(key.file);

  expect(end.code).toBe(255);
  expect(Date.now() - began).toBeLessThan(10_000);
});
