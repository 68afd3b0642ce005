/** Sign-in by an OpenSSH user certificate of an authority that the gateway is told to trust. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../../harness/temporary-folder.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('ssh-authorities');
  const authorities = [];
  for (const name of ['people', 'robots', 'stranger']) {
    await sshKeygen('-t', 'ed25519', '-N', '', '-f', at(name));
    const key = (await readFile(`${at(name)}.pub`, 'utf8')).trim();
    if (name === 'people') authorities.push({ issuer: 'ssh-ca://people', key, principalsAreGroups: true });
    if (name === 'robots')
      authorities.push({ issuer: 'ssh-ca://robots', key, groups: ['developers'], kind: 'service' });
  }
  await writeFile(at('authorities.json'), JSON.stringify(authorities));
  sut = await startSshStack({ gatewayEnv: { SALLYPORT_SSH_TRUSTED_USER_CAS: at('authorities.json') } });
}, 120_000);
afterAll(async () => {
  await sut?.stop();
  await folder?.[Symbol.asyncDispose]();
}, 30_000);

const at = (name: string) => join(folder.path, name);
async function sshKeygen(...args: string[]): Promise<void> {
  const end = await run('ssh-keygen', ['-q', ...args]);
  if (end.code !== 0) throw new Error(end.stderr);
}

let keys = 0;
/** A fresh key with a certificate beside it, by `ssh-keygen -s AUTHORITY -I dana -n developers ...options`. */
async function certified(authority: string, ...options: string[]): Promise<string> {
  keys += 1;
  const file = at(`id-${keys}`);
  await sshKeygen('-t', keys % 2 === 0 ? 'ecdsa' : 'ed25519', '-N', '', '-f', file);
  const given = options.includes('-n') ? options : ['-n', 'developers', ...options];
  await sshKeygen('-s', at(authority), '-I', 'dana', '-V', '-5m:+5m', ...given, `${file}.pub`);
  return file;
}

const by = (file: string) =>
  sut.ssh('dev', ['whoami'], {
    settings: {
      IdentityFile: file,
      IdentitiesOnly: 'yes',
      PreferredAuthentications: 'publickey',
      BatchMode: 'yes',
    },
  });

describe('a certificate by a trusted authority', () => {
  test('lets its holder in, silently, by the name and the groups that it says', async () => {
    const file = await certified('people');

    const { value: end, recording } = await sut.recordedOne(() => by(file));

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(recording.open).toMatchObject({
      principal: { issuer: 'ssh-ca://people', subject: 'dana', kind: 'human', groups: ['developers'] },
    });
    expect(recording.commands[0]).toMatchObject({ command: 'whoami', exit: { status: 0 } });
  });

  test('may be of an authority whose holders are all of one group, whatever they say', async () => {
    const file = await certified('robots', '-n', 'dbas');

    const { value: end, recording } = await sut.recordedOne(() => by(file));

    expect(end).toMatchObject({ code: 0 });
    expect(recording.open).toMatchObject({
      principal: { issuer: 'ssh-ca://robots', kind: 'service', groups: ['developers'] },
    });
  });

  test('that is bound to the address that its holder comes from does', async () => {
    expect(await by(await certified('people', '-O', 'source-address=127.0.0.0/8'))).toMatchObject({
      code: 0,
    });
  });

  test('whose groups may not open the target is refused by policy, in words', async () => {
    const end = await by(await certified('people', '-n', 'visitors'));

    expect(end.code).toBe(255);
    expect(end.stderr).toMatch(/Sallyport: .*web-1/);
  });
});

describe('is refused, and opens no session: a certificate', () => {
  test.each<[string, string, string[]]>([
    ['by another authority', 'stranger', []],
    ['that has expired', 'people', ['-V', '-10m:-1m']],
    ['that is not valid yet', 'people', ['-V', '+10m:+20m']],
    ['for another address', 'people', ['-O', 'source-address=192.0.2.0/24']],
    ['with a critical option that nobody knows', 'people', ['-O', 'critical:be-nice@example.org=very']],
    ['that forces a command, which could not be kept', 'people', ['-O', 'force-command=/bin/true']],
    ['for hosts', 'people', ['-h']],
  ])('%s', async (_, authority, options) => {
    const file = await certified(authority, ...options);

    const end = await sut.unrecorded(() => by(file));

    expect(end.code).toBe(255);
    expect(end.stdout).toBe('');
    expect(end.stderr).toContain('Permission denied');
  });

  test('says why it is not taken', async () => {
    const end = await by(await certified('people', '-V', '-10m:-1m'));

    expect(end.stderr).toMatch(/Sallyport: the certificate is not taken: its time is over/);
  });

  test('whose private key its bearer does not have', async () => {
    const victim = await certified('people');
    const thief = await certified('stranger');
    await run('cp', [`${victim}-cert.pub`, `${thief}-cert.pub`]);

    expect((await by(thief)).code).toBe(255);
  });
});
