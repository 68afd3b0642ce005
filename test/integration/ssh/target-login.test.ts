/** How the gateway signs in at hosts, and what it does not trust. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { run } from '../../harness/program.ts';
import { startTestSshd, type TestSshd } from '../support/sshd.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

const names = [
  'by-key',
  'by-password',
  'by-prompt',
  'wrong-password',
  'wrong-at-prompt',
  'expired',
  'changed',
  'other-ca',
  'unknown',
  'ca',
];

let sut: SshStack;
let host: TestSshd;
let asking: Awaited<ReturnType<typeof startAskingHost>>;
beforeAll(async () => {
  const target = (name: string, more = {}) => [
    name,
    { protocol: 'ssh', secret: `sallyport/targets/${name}`, signIn: 'secret', ...more },
  ];
  sut = await startSshStack({
    targets: {
      ...Object.fromEntries(names.map(name => target(name))),
      ...Object.fromEntries([target('with-logins', { logins: ['nobody'] })]),
    },
  });
  const key = join(sut.folder, 'target-key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const privateKey = await readFile(key, 'utf8');
  host = await startTestSshd(sut.folder, {
    authorizedKeys: [(await readFile(`${key}.pub`, 'utf8')).trim()],
    certifiedAs: 'host',
    // Folders for temporary files are everybody's.
    settings: ['StrictModes no'],
  });
  asking = await startAskingHost(key);

  const sshd = { host: host.host, port: host.port, username: host.user, privateKey };
  const { hostKeys } = host;
  const stranger = [(await readFile(`${key}.pub`, 'utf8')).trim()];
  const secrets: Record<string, object> = {
    'by-key': { ...sshd, hostKeys },
    'with-logins': { ...sshd, hostKeys },
    changed: { ...sshd, hostKeys: stranger },
    'other-ca': { ...sshd, hostAuthorities: stranger },
    unknown: sshd,
    ca: { ...sshd, hostAuthorities: [host.hostAuthority] },
    'by-password': { ...asking.at, username: 'by-password', password: 'correct horse' },
    'by-prompt': { ...asking.at, username: 'by-prompt', password: 'correct horse' },
    'wrong-at-prompt': { ...asking.at, username: 'by-prompt', password: 'wrong horse' },
    expired: { ...asking.at, username: 'expired', password: 'correct horse' },
    'wrong-password': { ...asking.at, username: 'by-password', password: 'wrong horse' },
  };
  for (const [name, secret] of Object.entries(secrets)) {
    await sut.stack.putSecret(`sallyport/targets/${name}`, secret as Record<string, unknown>);
  }
}, 120_000);
afterAll(async () => {
  asking?.stop();
  await host?.stop();
  await sut?.stop();
}, 30_000);

const at = (User: string) => sut.ssh('dba', ['echo reached'], { settings: { User } });

/** A host that takes passwords, which an sshd takes for accounts of the machine only. */
async function startAskingHost(keyFile: string) {
  const asked: string[] = [];
  const server = new ssh2.Server({ hostKeys: [await readFile(keyFile)] }, client => {
    client.on('error', () => {});
    client.on('authentication', context => {
      asked.push(`${context.username} ${context.method}`);
      if (context.method === 'password' && context.username === 'by-password') {
        return context.password === 'correct horse' ? context.accept() : context.reject();
      }
      if (context.username === 'by-prompt') {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
        context.prompt([{ prompt: 'Password: ', echo: false }], ([said]) =>
          said === 'correct horse' ? context.accept() : context.reject(['keyboard-interactive']),
        );
        return;
      }
      if (context.method === 'password' && context.username === 'expired') {
        context.requestChange('Choose a new one: ', () => context.reject());
        return;
      }
      context.reject(['password']);
    });
    client.on('session', accept => {
      accept().on('exec', take => {
        const stream = take();
        stream.write('reached\n');
        stream.exit(0);
        stream.end();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hostKeys = [(await readFile(`${keyFile}.pub`, 'utf8')).trim()];
  return {
    asked,
    at: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, hostKeys },
    stop: () => server.close(),
  };
}

describe('the gateway signs in', () => {
  test('by the private key in the secret', async () => {
    const { value: end, recording } = await sut.recordedOne(() => at('by-key'));

    expect(end).toEqual({ code: 0, stdout: 'reached\n', stderr: '' });
    expect(recording.open).toMatchObject({ target: 'by-key' });
    expect(recording.everything.includes('PRIVATE KEY')).toBe(false);
  });

  test('by the password in the secret, which no recording has', async () => {
    const { value: end, recording } = await sut.recordedOne(() => at('by-password'));

    expect(end).toEqual({ code: 0, stdout: 'reached\n', stderr: '' });
    expect(recording.everything.includes('correct horse')).toBe(false);
    expect(asking.asked).toContain('by-password password');
  });

  test('by the password in the secret, at the prompt of a host that takes it nowhere else', async () => {
    const { value: end, recording } = await sut.recordedOne(() => at('by-prompt'));

    expect(end).toEqual({ code: 0, stdout: 'reached\n', stderr: '' });
    expect(recording.everything.includes('correct horse')).toBe(false);
    expect(asking.asked.slice(-2)).toEqual(['by-prompt password', 'by-prompt keyboard-interactive']);
  });

  test('to a host that an authority vouches for', async () => {
    expect(await at('ca')).toEqual({ code: 0, stdout: 'reached\n', stderr: '' });
  });
});

describe('is refused before anything of the gateway is shown to the host, and said plainly:', () => {
  test.each([
    ['a host key that is not the one that is written down', 'changed'],
    ['a host certificate by another authority', 'other-ca'],
  ])('%s', async (_, name) => {
    const signedInBefore = (await host.log()).match(/Accepted/g)?.length ?? 0;

    const { value: end, recording } = await sut.recordedOne(() => at(name));

    expect(end.code).toBe(255);
    expect(end.stdout).toBe('');
    expect(end.stderr).toMatch(/Sallyport: .*(host key is not the one that is written down|key exchange)/);
    expect((await host.log()).match(/Accepted/g)?.length ?? 0).toBe(signedInBefore);
    expect(recording.end).toMatchObject({ how: 'targetUnavailable' });
    expect(recording.commands).toEqual([]);
  });

  test('a host of which nothing is known: it is not trusted because it is the first time', async () => {
    const end = await at('unknown');

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('Sallyport: ');
    expect(end.stderr).toContain('no host key of the target is known');
  });
});

test.each(['wrong-password', 'wrong-at-prompt'])(
  '%s is said to be the trouble of the gateway',
  async name => {
    const end = await at(name);

    expect(end.code).toBe(255);
    expect(end.stderr).toContain("refused the gateway's own login");
    expect(end.stderr).not.toContain('wrong horse');
  },
);

test('a password that the host wants changed is not changed by anybody, and said to be the trouble', async () => {
  const end = await at('expired');

  expect(end.code).toBe(255);
  expect(end.stderr).toContain('the target wants a new password for expired');
});

describe('what a client names', () => {
  test.each([
    ['a target that there is not', 'nowhere'],
    ['a login that is not on the list', 'with-logins/root'],
    ['another login of a target with none', 'by-key/root'],
    ['nothing', ''],
    ['a path', '../by-key'],
  ])('%s is refused, and no session is opened', async (_, name) => {
    const end = await sut.unrecorded(() => sut.ssh('dba', ['true'], { before: ['-l', name] }));

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('Sallyport: ');
  });

  test('a login on the list goes to the host under that name, where it is for the host to take it', async () => {
    const end = await at('with-logins/nobody');

    expect(end.code).toBe(255);
    expect(end.stderr).toContain("refused the gateway's own login nobody");
    expect(await host.log()).toMatch(/nobody/);
  });
});
