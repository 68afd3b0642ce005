import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Role } from '#local/aws/roles.ts';
import { type Aws, startAws } from '#local/aws/server.ts';
import { type DataFolder, openDataFolder } from '#local/data-folder.ts';
import { freePort, loopback } from '#local/ports.ts';
import { type LocalSsh, startLocalSsh } from '#local/ssh-gateway.ts';
import { choosePorts, type Ports } from '#local/stack-ports.ts';
import { run } from '../harness/program.ts';
import { processesWith } from '../harness/start-program.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/temporary-folder.ts';
import { terminate } from '../harness/terminate.ts';
import { eventually } from './support/eventually.ts';

const operator: Role = {
  name: 'operator',
  accessKeyId: 'AKIAOPERATOR',
  secretAccessKey: 'secret',
  allow: ['*'],
};

describe.each([
  { what: "the machine's sshd", places: undefined },
  { what: 'the stand-in for it', places: [] },
])('the sample SSH host by $what', ({ places }) => {
  let temporary: TemporaryFolder;
  let folder: DataFolder;
  let aws: Aws;
  let ssh: LocalSsh;
  let ports: Ports;

  const start = () =>
    startLocalSsh({ folder, ports, aws, operator, ...(places === undefined ? {} : { sshdPlaces: places }) });

  beforeAll(async () => {
    temporary = await temporaryFolder('ssh-sample');
    folder = await openDataFolder(join(temporary.path, 'data'));
    for (const part of ['ssh', 'logs'] as const) await mkdir(folder.path(part), { mode: 0o700 });
    aws = await startAws({ roles: [operator] });
    ports = await choosePorts();
    ssh = await start();
  });
  afterAll(async () => {
    await ssh?.stop();
    await aws?.stop();
    await folder.reset();
    folder.release();
    await temporary[Symbol.asyncDispose]();
  });

  /** Settings of a stock client that reaches the sample without the gateway. */
  function direct(changes: Readonly<Record<string, string>> = {}): string[] {
    const { keyFile, certificateFile, knownHostsFile } = ssh.sample.direct;
    const options = {
      IdentityFile: keyFile,
      CertificateFile: certificateFile,
      UserKnownHostsFile: knownHostsFile,
      IdentitiesOnly: 'yes',
      BatchMode: 'yes',
      StrictHostKeyChecking: 'yes',
      LogLevel: 'ERROR',
      ...changes,
    };
    return ['-F', 'none', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  }
  const login = () => `${ssh.sample.direct.user}@${loopback}`;
  const at = () => ['-p', String(ssh.sample.port), login()];

  test('a stock client gets in with the certificate, as an account that is not root', async () => {
    const { code, stdout, stderr } = await run('ssh', [...direct(), ...at(), 'id -u; id -un; pwd']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [id, name, home] = stdout.trim().split('\n');
    expect(Number(id)).not.toBe(0);
    expect(name).toBe(ssh.sample.direct.user);
    expect(home).toBeTruthy();
  });

  test('it has a terminal, sftp, and forwards', async () => {
    const terminal = await run('ssh', [...direct(), '-tt', ...at(), 'stty size; tty']);
    const files = await run('sftp', ['-b', '-', ...direct(), '-P', String(ssh.sample.port), login()], {
      input: 'mkdir there\nls -1\nrmdir there\n',
    });
    const forward = await run('ssh', [...direct(), '-W', `${loopback}:${ssh.sample.port}`, ...at()]);

    expect(terminal.stderr).toBe('');
    expect(terminal.stdout).toMatch(/\/dev\/pts\/\d+/);
    expect(files.stdout).toContain('there');
    expect(forward.stdout).toMatch(/^SSH-2\.0-/);
  });

  test('nobody gets in by the key without its certificate, by a password, or to another account', async () => {
    const withoutCertificate = direct({
      CertificateFile: 'none',
      IdentityFile: join(temporary.path, 'bare'),
    });
    await run('cp', [ssh.sample.direct.keyFile, join(temporary.path, 'bare')]);

    const byKey = await run('ssh', [...withoutCertificate, ...at(), 'true']);
    const byPassword = await run('ssh', [
      ...direct({ PreferredAuthentications: 'password' }),
      ...at(),
      'true',
    ]);
    const asRoot = await run('ssh', [...direct(), '-p', String(ssh.sample.port), `root@${loopback}`, 'true']);

    expect([byKey.code, byPassword.code, asRoot.code]).toEqual([255, 255, 255]);
    expect(byPassword.stderr).toContain('Permission denied (publickey)');
  });

  test('keys of the gateway are kept, closed to others, and told in lines that clients take', async () => {
    const { knownHostsFile, hostKey, authority, sshfp, port } = ssh.gateway;
    const keys = ssh.env['SALLYPORT_SSH_HOST_KEYS']!;
    const before = await readFile(join(keys, 'ssh_host_ecdsa_key'), 'utf8');
    const known = await readFile(knownHostsFile, 'utf8');

    await ssh.stop();
    ssh = await start();

    expect((await stat(join(keys, 'ssh_host_ed25519_key'))).mode & 0o077).toBe(0);
    expect(await readFile(join(keys, 'ssh_host_ecdsa_key'), 'utf8')).toBe(before);
    expect(ssh.gateway).toEqual({ host: loopback, port, hostKey, knownHostsFile, authority, sshfp });
    expect(known.split('\n')).toEqual(expect.arrayContaining([hostKey, authority]));
    const found = await run('ssh-keygen', ['-l', '-F', `[${loopback}]:${port}`, '-f', knownHostsFile]);
    expect(found.stdout).toMatch(/ED25519 SHA256:/);
    expect(sshfp).toHaveLength(2);
  });

  test('when it stops, sessions that it has end', async () => {
    const mark = `sleep 86${process.pid}`;
    const session = run('ssh', [...direct(), ...at(), mark]);
    for (let tries = 0; (await processesWith(...mark.split(' '))).length < 2 && tries < 100; tries += 1)
      await sleep(50);

    await ssh.stop();

    expect((await session).code).toBe(255);
    ssh = await start();
  });
  // The stand-in has no certificates of its host keys: it is known by the keys.
  if (places === undefined)
    test('its host keys are vouched for by its authority', async () => {
      const authorityAlone = join(temporary.path, 'authority-alone');
      await writeFile(authorityAlone, `@cert-authority * ${ssh.sample.hostCa}\n`);

      for (const algorithm of [
        'ssh-ed25519-cert-v01@openssh.com',
        'ecdsa-sha2-nistp256-cert-v01@openssh.com',
      ]) {
        const changes = { UserKnownHostsFile: authorityAlone, HostKeyAlgorithms: algorithm };
        const { code } = await run('ssh', [...direct(changes), ...at(), 'true']);

        expect({ algorithm, code }).toEqual({ algorithm, code: 0 });
      }
    });

  test('input, output, errors, exit status and signals of a command come through whole', async () => {
    const input = 'x'.repeat(1_000_000);
    const echoed = await run('ssh', [...direct(), ...at(), 'cat; echo wrong >&2; exit 7'], { input });
    const killed = await run('ssh', [...direct(), ...at(), 'kill -TERM $$']);

    expect({ ...echoed, stdout: echoed.stdout === input }).toEqual({
      code: 7,
      stdout: true,
      stderr: 'wrong\n',
    });
    expect(killed.code).toBe(255);
  });

  test('files go there and back by sftp and by the old scp, and rsync has what it needs', async () => {
    const from = join(temporary.path, 'from');
    await writeFile(from, Buffer.alloc(3_000_001, 7));
    const port = String(ssh.sample.port);
    const back = (name: string) => join(temporary.path, name);
    const commands: [string, string[]][] = [
      ['scp', [...direct(), '-P', port, from, `${login()}:sample-file`]],
      ['scp', [...direct(), '-P', port, `${login()}:sample-file`, back('by-sftp')]],
      ['scp', ['-O', ...direct(), '-P', port, `${login()}:sample-file`, back('by-scp')]],
      [
        'rsync',
        ['-e', ['ssh', ...direct(), '-p', port].join(' '), `${login()}:sample-file`, back('by-rsync')],
      ],
      ['ssh', [...direct(), ...at(), 'rm sample-file']],
    ];

    for (const [command, args] of commands) {
      expect({ command, ...(await run(command, args)) }).toMatchObject({ command, code: 0, stderr: '' });
    }
    for (const name of ['by-sftp', 'by-scp', 'by-rsync']) {
      expect((await readFile(back(name))).equals(await readFile(from))).toBe(true);
    }
  });

  test('it opens a port for its client, and passes what comes there', async () => {
    const port = await freePort();
    const args = ['-N', '-R', `${port}:${loopback}:${ssh.sample.port}`, '-o', 'ExitOnForwardFailure=yes'];
    let greeted = false;
    const forwarding = run('ssh', [...direct(), ...args, ...at()], {
      onStart: async child => {
        greeted = await eventually('a greeting', () => greets(port)).catch(() => false);
        terminate(child);
      },
    });

    await forwarding;

    expect(greeted).toBe(true);
  });
});

/** Whether an SSH server answers there. */
function greets(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, loopback);
    socket.once('data', data => {
      socket.destroy();
      resolve(data.toString().startsWith('SSH-2.0-'));
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
