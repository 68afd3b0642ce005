import { describe, expect, test } from '@jest/globals';
import type { ReadyFile } from '#local/ready-file.ts';
import { renderScreen } from '#local/screen.ts';

const ready = (data: string): ReadyFile => ({
  gateway: {
    postgres: { host: '127.0.0.1', port: 15432 },
    ca: `${data}/pki/ca.pem`,
    health: 'http://127.0.0.1:15401',
    pid: 1,
  },
  people: {},
  targets: {
    shop: {
      protocol: 'postgres',
      direct: { host: '127.0.0.1', port: 15405, user: '', password: '', database: 'shop' },
    },
  },
  control: { url: '' },
  identity: { issuer: '', audience: '', jwksUri: '', passcode: 'abcd-efgh' },
  aws: { endpoint: '', region: '', accessKeyId: '', secretAccessKey: '', tables: {} },
  paths: {
    data,
    config: '/home/ada/sallyport/config',
    recordings: `${data}/recordings`,
    spool: '',
    postgresLog: '',
    gatewayLog: '',
  },
});
const context = { cwd: '/home/ada/sallyport', path: '/nowhere', seconds: '4.2 s' };

describe('the screen of npm start', () => {
  test('writes paths as short as they can be typed in the folder it was started in', () => {
    const screen = renderScreen(ready('/home/ada/sallyport/.sallyport'), context);

    expect(screen).toContain('In another terminal, in this folder, once:');
    expect(screen).toContain('PGSSLROOTCERT=.sallyport/pki/ca.pem');
    expect(screen).not.toContain('SALLYPORT_READY_FILE');
  });

  test('tells the command line tool where the data is when it is elsewhere', () => {
    const screen = renderScreen(ready('/srv/a'), context);

    expect(screen).toContain('export SALLYPORT_READY_FILE=/srv/a/ready.json');
    expect(screen).toContain('$(cat /srv/a/people/dev)');
  });

  test('quotes paths that a shell would take apart', () => {
    const screen = renderScreen(ready("/srv/it's mine"), context);

    expect(screen).toContain(`PGSSLROOTCERT='/srv/it'\\''s mine/pki/ca.pem'`);
  });

  test('prints lines of npm that begin without its banner', () => {
    const lines = renderScreen(ready('/srv/a'), context).match(/npm run .*/g) ?? [];

    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^npm run -s sallyport -- /);
  });

  test('says of all six people where their token is', () => {
    const screen = renderScreen(ready('/srv/a'), context);

    for (const who of ['dev', 'dba', 'agent']) expect(screen).toContain(`$(cat /srv/a/people/${who})`);
    expect(screen).toContain('Tokens of approver, approver2, auditor are in /srv/a/people');
  });

  test('says how to get psql where there is none', () => {
    expect(renderScreen(ready('/srv/a'), context)).toContain('apt-get install postgresql-client');
    expect(renderScreen(ready('/srv/a'), { ...context, path: '/usr/bin' })).not.toContain('There is no psql');
  });

  describe('with SSH', () => {
    const ssh = {
      host: '127.0.0.1',
      port: 15422,
      hostKey: '',
      knownHostsFile: '/home/ada/sallyport/.sallyport/ssh/known_hosts',
      authority: '@cert-authority [127.0.0.1]:15422 ecdsa-sha2-nistp256 AAAA',
      sshfp: ['localhost IN SSHFP 4 2 00'],
    };
    const plain = ready('/home/ada/sallyport/.sallyport');
    const withSsh = { ...plain, gateway: { ...plain.gateway, ssh } };
    const direct = { host: '', port: 0, user: 'web', keyFile: '', certificateFile: '', knownHostsFile: '' };
    const withHost = {
      ...withSsh,
      targets: { ...plain.targets, 'web-1': { protocol: 'ssh', direct } as const },
    };

    test('has a line to paste that knows the gateway, and says as whom people get in', () => {
      const screen = renderScreen(withHost, { ...context, sshHost: 'it lets people in as "web"' });

      expect(screen).toContain(
        'ssh -p 15422 -o UserKnownHostsFile=.sallyport/ssh/known_hosts web-1@127.0.0.1',
      );
      expect(screen).toContain('web-1: it lets people in as "web".');
      expect(screen).toContain(ssh.authority);
      expect(screen).toContain(ssh.sshfp[0]);
    });

    test('has no such line where there is no host, but the reason', () => {
      const screen = renderScreen(withSsh, { ...context, sshHost: 'there is none' });

      expect(screen).not.toContain('web-1@');
      expect(screen).toContain('web-1: there is none.');
    });

    test('is not mentioned where the gateway does not speak it', () => {
      expect(renderScreen(plain, context)).not.toMatch(/ssh/i);
    });
  });
});
