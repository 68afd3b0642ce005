/** Clients that are not OpenSSH's: Paramiko, and Ansible on top of ssh. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { debianPython } from '../../harness/tools.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

const program = fileURLToPath(new URL('paramiko-session.py', import.meta.url));

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

test('Paramiko runs commands, moves files and has a shell', async () => {
  const { host, port, knownHostsFile } = sut.stack.ready.gateway.ssh!;
  // A line with @cert-authority says nothing to it.
  const known = join(sut.folder, 'plain-known-hosts');
  const lines = (await readFile(knownHostsFile, 'utf8')).split('\n').filter(line => !line.startsWith('@'));
  await writeFile(known, lines.join('\n'));
  const place = join(sut.place, 'paramiko');
  await mkdir(place);
  await chmod(place, 0o777);
  const session = { host, port, user: 'web-1', password: sut.stack.ready.people['dev']!.token, known, place };

  const { value: end, recording } = await sut.recordedOne(() =>
    run(debianPython, [program], { env: { SESSION: JSON.stringify(session) } }),
  );

  expect(end).toMatchObject({ code: 0 });
  const result = JSON.parse(end.stdout);
  expect(result).toMatchObject({
    exec: ['words', 'errors\n', 3],
    same: true,
    mode: 0o600,
    names: ['link', 'renamed'],
    changed: 'changed',
  });
  // EACCES.
  expect(result.refused[0]).toBe(13);
  expect(result.shell).toContain('20 90');
  expect(recording.files).toContainEqual(
    expect.objectContaining({
      path: join(place, 'upload'),
      direction: 'write',
      bytes: 300_000,
      sha256: result.sha256,
    }),
  );
  expect(recording.files).toContainEqual(
    expect.objectContaining({ path: join(place, 'upload'), direction: 'read', sha256: result.sha256 }),
  );
  expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
  expect(recording.faults).toEqual([]);
});

test('Ansible pings, runs a command and copies a file', async () => {
  const home = join(sut.folder, 'ansible');
  await mkdir(home);
  const settings = await sut.settings();
  const inventory = join(home, 'inventory');
  await writeFile(
    inventory,
    `gw ansible_ssh_common_args='-F ${settings}' ansible_user=web-1 ansible_python_interpreter=${debianPython} ansible_remote_tmp=${sut.place}/.ansible\n`,
  );
  const source = join(home, 'source');
  await writeFile(source, 'from Ansible\n');
  const ansible = (...args: string[]) =>
    run('/usr/bin/ansible', ['-i', inventory, 'gw', ...args], {
      env: {
        ...sut.env(sut.stack.ready.people['dba']!.token),
        HOME: home,
        ANSIBLE_HOME: home,
        ANSIBLE_LOCAL_TEMP: home,
        ANSIBLE_NOCOLOR: '1',
        // Without a password of its own it asks for keys alone. A master would stay past the test.
        ANSIBLE_SSH_ARGS:
          '-o PasswordAuthentication=yes -o PreferredAuthentications=password -o ControlMaster=no',
        ANSIBLE_SFTP_BATCH_MODE: 'False',
      },
      timeoutMs: 100_000,
    });

  const { value: pinged, recordings } = await sut.recorded(async () => {
    const end = await ansible('-m', 'ping');
    if (end.code !== 0) throw new Error(end.stdout + end.stderr);
    return end;
  });
  const copied = await ansible('-m', 'copy', '-a', `src=${source} dest=${sut.place}/from-ansible`);

  expect(pinged.stdout).toContain('"ping": "pong"');
  expect(copied).toMatchObject({ code: 0 });
  expect(await readFile(join(sut.place, 'from-ansible'), 'utf8')).toBe('from Ansible\n');
  const ran = recordings.flatMap(({ commands }) => commands.map(({ command }) => String(command)));
  expect(ran.some(command => command.includes('AnsiballZ_ping.py'))).toBe(true);
}, 240_000);
