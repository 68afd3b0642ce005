import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyPair, type JWTPayload } from 'jose';
import { forgeToken } from '../support/tokens.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const by = (credential: string) => sut.ssh('dev', ['true'], { credential });

test("an access token as the password opens a session with the gateway's own login at the target", async () => {
  const { value: end, recording } = await sut.recordedOne(() => sut.ssh('dev', ['whoami']));

  expect(end).toMatchObject({ code: 0, stderr: '' });
  expect(end.stdout.trim()).toBe(sut.stack.ssh!.sample.direct.user);
  expect(recording.open).toMatchObject({ principal: { name: 'dev@shop.example', kind: 'human' } });
  expect(recording.everything.includes(sut.stack.ready.people['dev']!.token)).toBe(false);
});

test('a token may be given at the prompt of keyboard-interactive as well', async () => {
  const settings = { PreferredAuthentications: 'keyboard-interactive' };

  const end = await sut.ssh('dev', ['echo in'], { settings });

  expect(end).toMatchObject({ code: 0, stdout: 'in\n' });
});

test('a program that acts for a person is recorded as both', async () => {
  const { value: end, recording } = await sut.recordedOne(async () => {
    const credential = await forgeToken(sut, { act: { sub: 'agent' }, groups: ['dbas'] });
    return sut.ssh('dev', ['true'], { credential });
  });

  expect(end).toMatchObject({ code: 0 });
  expect(recording.open).toMatchObject({ principal: { kind: 'agent', onBehalfOf: { subject: 'dev' } } });
});

describe('is refused, said so, and opens no session:', () => {
  test.each<[string, JWTPayload]>([
    ['meant for another audience', { aud: 'payroll' }],
    ['expired', { exp: secondsFromNow(-120) }],
    ['of another issuer', { iss: 'https://login.example.org' }],
    ['without a subject', { sub: '' }],
  ])('a token %s', async (_, changes) => {
    const end = await sut.unrecorded(async () => by(await forgeToken(sut, changes)));

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('Sallyport: ');
    expect(end.stderr).toContain('Permission denied');
  });

  test('a token that another key has signed', async () => {
    const { privateKey } = await generateKeyPair('RS256');

    expect((await by(await forgeToken(sut, {}, privateKey))).code).toBe(255);
  });

  test.each([
    ['an empty password', ''],
    ['the letters that a person would try', 'hunter2'],
  ])('%s', async (_, credential) => {
    const end = await by(credential);

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('Permission denied');
  });

  test('wrong passwords without end: the connection is closed after a few', async () => {
    const settings = { NumberOfPasswordPrompts: '20' };

    const end = await sut.ssh('dev', ['true'], { settings, credential: 'hunter2' });

    expect(end.code).toBe(255);
    expect(end.stderr.match(/Permission denied, please try again/g)?.length ?? 0).toBeLessThan(6);
    expect(end.stderr).toContain('too many failures');
  });
});

describe('whom the policies do not let in', () => {
  test('is told so in words', async () => {
    const end = await sut.ssh('auditor', ['true']);

    expect(end.code).toBe(255);
    expect(end.stderr).toMatch(/Sallyport: .*web-1/);
    expect(end.stdout).toBe('');
  });
});

test('a client that does not know the host key of the gateway goes no further', async () => {
  const settings = { UserKnownHostsFile: '/dev/null' };

  const end = await sut.ssh('dev', ['true'], { settings });

  expect(end.code).toBe(255);
  expect(end.stderr).toContain('Host key verification failed');
});

test("the authority's line alone lets a client know the gateway", async () => {
  const file = `${sut.folder}/authority-alone`;
  await writeFile(file, `${sut.stack.ready.gateway.ssh!.authority}\n`);

  const end = await sut.ssh('dev', ['echo known'], { settings: { UserKnownHostsFile: file } });

  expect(end).toMatchObject({ code: 0, stdout: 'known\n' });
});

test.each([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ssh-ed25519-cert-v01@openssh.com',
  'ecdsa-sha2-nistp256-cert-v01@openssh.com',
])('its host key can be had as %s', async HostKeyAlgorithms => {
  const end = await sut.ssh('dev', ['echo known'], { settings: { HostKeyAlgorithms } });

  expect(end).toMatchObject({ code: 0, stdout: 'known\n' });
});

test.each([
  ['KexAlgorithms', 'diffie-hellman-group14-sha256'],
  ['KexAlgorithms', 'diffie-hellman-group14-sha1'],
  ['Ciphers', 'aes128-cbc'],
  ['MACs', 'hmac-sha1'],
  ['HostKeyAlgorithms', 'ssh-rsa'],
])('%s %s is not taken', async (name, value) => {
  const ciphers = name === 'MACs' ? { Ciphers: 'aes128-ctr' } : {};

  const end = await sut.ssh('dev', ['true'], { settings: { ...ciphers, [name]: value } });

  expect(end.code).toBe(255);
  expect(end.stderr).toContain('no matching');
});
