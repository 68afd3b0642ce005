/** Connections within a connection: ssh -L, -R, -D, -W, -J, sockets, and what stays closed. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '#local/ports.ts';
import { run } from '../../harness/program.ts';
import { eventually } from '../support/eventually.ts';
import { psql } from '../support/login.ts';
import { type RunningSsh, startSsh } from './background.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
let echo: Server;
let echoPort: number;
beforeAll(async () => {
  sut = await startSshStack();
  // What is said to it comes back with a greeting before it.
  echo = createServer(socket => {
    socket.on('error', () => {});
    socket.write('welcome ');
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  echoPort = (echo.address() as { port: number }).port;
}, 120_000);
afterAll(async () => {
  echo?.close();
  await sut?.stop();
}, 30_000);

/** What comes back from there until it is closed. */
async function say(at: NetConnectOpts, words: string): Promise<string> {
  const socket = connect(at);
  let said = '';
  socket.on('data', chunk => (said += chunk));
  await closed(socket, () => socket.end(words));
  return said;
}

/** Waits until it is closed after an action, in good order or not. */
function closed(socket: Socket, action: () => void): Promise<void> {
  socket.on('error', () => {});
  return new Promise(resolve => {
    socket.once('close', () => resolve());
    action();
  });
}

/** ssh without a command, that says when it listens. */
async function forwarding(person: 'dev' | 'dba', ...args: string[]): Promise<RunningSsh> {
  const ssh = await startSsh(sut, person, {
    before: ['-v', '-N', ...args],
    settings: { ExitOnForwardFailure: 'yes' },
  });
  await ssh.said('Entering interactive session');
  return ssh;
}

const forwardsOf = (commands: readonly Readonly<Record<string, unknown>>[]) =>
  commands.filter(({ kind }) => kind === 'forward').map(({ destination }) => destination);

describe('ssh -L', () => {
  test('reaches what policy permits, through the target, and the recording has destination and bytes', async () => {
    const port = await freePort();

    const { value: said, recording } = await sut.recordedOne(async () => {
      await using _ = await forwarding('dba', '-L', `${port}:127.0.0.1:${echoPort}`);
      return await say({ port, host: '127.0.0.1' }, 'hello');
    });

    expect(said).toBe('welcome hello');
    expect(forwardsOf(recording.commands)).toEqual([`127.0.0.1:${echoPort}`]);
    expect(recording.fromClient(2).head.toString()).toBe('hello');
    expect(recording.toClient(2).head.toString()).toBe('welcome hello');
    expect(recording.faults).toEqual([]);
  });

  test('to what policy does not permit is refused in words, reaches nothing, and is in the recording', async () => {
    const port = await freePort();
    let reached = 0;
    const count = () => (reached += 1);
    echo.on('connection', count);

    const { value, recording } = await sut.recordedOne(async () => {
      await using ssh = await forwarding('dev', '-L', `${port}:127.0.0.1:${echoPort}`);
      const said = await say({ port, host: '127.0.0.1' }, 'hello');
      await ssh.said('administratively prohibited');
      return { said, stderr: ssh.stderr };
    });
    echo.off('connection', count);

    expect(value.said).toBe('');
    expect(value.stderr).toContain(`Sallyport: forward refused: No policy permits ssh:forward`);
    expect(reached).toBe(0);
    expect(recording.commands).toEqual([]);
    expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
    expect(JSON.stringify(recording.decisions)).toContain(`127.0.0.1:${echoPort}`);
  });

  test('to a database that is a target is a session of its own there, signed in, decided and recorded', async () => {
    const port = await freePort();
    const login = { ...sut.stack.ready.people['dev']!, host: 'localhost', port, database: 'shop' };
    const shop = { ...login, user: 'dev', password: login.token, ca: sut.stack.ready.gateway.ca };

    const { value, recordings } = await sut.recorded(async () => {
      await using _ = await forwarding('dev', '-L', `${port}:shop:5432`);
      return {
        read: await psql(shop, ['-c', 'SELECT count(*) FROM orders']),
        refused: await psql(shop, ['-c', 'DELETE FROM customers']),
        stranger: await psql({ ...shop, password: 'hunter2' }, ['-c', 'SELECT 1']),
      };
    }, 3);

    expect(value.read).toMatchObject({ code: 0, stdout: '5000\n' });
    expect(value.refused.stderr).toContain('DELETE refused');
    expect(value.stranger.code).toBe(2);
    expect(recordings.map(({ open }) => open?.protocol).sort()).toEqual(['postgres', 'postgres', 'ssh']);
    const outer = recordings.find(({ open }) => open?.protocol === 'ssh')!;
    const inner = recordings.filter(({ open }) => open?.protocol === 'postgres');
    expect(forwardsOf(outer.commands)).toEqual(['shop:5432', 'shop:5432', 'shop:5432']);
    expect(inner.map(({ open }) => open?.target)).toEqual(['shop', 'shop']);
    expect(inner.map(({ open }) => open?.['via'])).toEqual([outer.id, outer.id]);
  });

  test('to a socket of the target', async () => {
    const port = await freePort();
    const path = join(sut.place, 'echo.sock');
    const server = createServer(socket => socket.end('from the socket'));
    server.listen(path);
    await once(server, 'listening');
    await chmod(path, 0o777);

    const { value: said, recording } = await sut.recordedOne(async () => {
      await using _ = await forwarding('dba', '-L', `${port}:${path}`);
      return await say({ port, host: '127.0.0.1' }, '');
    });
    server.close();

    expect(said).toBe('from the socket');
    expect(forwardsOf(recording.commands)).toEqual([`unix:${path}`]);
  });

  test('where nobody listens is said to be so', async () => {
    const port = await freePort();
    const nobody = await freePort();
    await using ssh = await forwarding('dba', '-L', `${port}:127.0.0.1:${nobody}`);

    expect(await say({ port, host: '127.0.0.1' }, 'x')).toBe('');
    await ssh.said('open failed: connect failed: Connection refused');
  });
});

test('ssh -D is decided connection by connection', async () => {
  const port = await freePort();

  const { value, recording } = await sut.recordedOne(async () => {
    await using _ = await forwarding('dba', '-D', String(port));
    return [await socks(port, '127.0.0.1', echoPort, 'one'), await socks(port, 'localhost', echoPort, 'two')];
  });

  expect(value).toEqual(['welcome one', 'welcome two']);
  expect(forwardsOf(recording.commands)).toEqual([`127.0.0.1:${echoPort}`, `localhost:${echoPort}`]);
});

/** SOCKS 5 without a sign-in, RFC 1928. */
async function socks(port: number, host: string, to: number, words: string): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  const next = async () => ((await once(socket, 'data')) as [Buffer])[0];
  socket.write(Buffer.from([5, 1, 0]));
  await next();
  socket.write(
    Buffer.concat([
      Buffer.from([5, 1, 0, 3, host.length]),
      Buffer.from(host),
      Buffer.from([to >> 8, to & 255]),
    ]),
  );
  let said = (await next()).subarray(10).toString();
  socket.on('data', chunk => (said += chunk));
  await closed(socket, () => socket.end(words));
  return said;
}

describe('ssh -W', () => {
  test('connects standard input and output', async () => {
    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dba', [], { before: ['-W', `127.0.0.1:${echoPort}`], input: 'through' }),
    );

    expect(end).toMatchObject({ code: 0, stdout: 'welcome through' });
    expect(forwardsOf(recording.commands)).toEqual([`127.0.0.1:${echoPort}`]);
  });

  test('that is refused says why', async () => {
    const end = await sut.ssh('dev', [], { before: ['-W', `127.0.0.1:${echoPort}`] });

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('administratively prohibited: Sallyport: forward refused');
  });
});

describe('ssh -R', () => {
  test('lets the target in where policy permits it, and each connection is in the recording', async () => {
    const { value: said, recording } = await sut.recordedOne(async () => {
      await using ssh = await startSsh(sut, 'dba', {
        before: ['-v', '-N', '-R', `0:127.0.0.1:${echoPort}`],
        settings: { ExitOnForwardFailure: 'yes' },
      });
      await ssh.said('Allocated port');
      const port = Number(/Allocated port (\d+)/.exec(ssh.stderr + ssh.stdout)?.[1]);
      return [await say({ port, host: '127.0.0.1' }, 'a'), await say({ port, host: '127.0.0.1' }, 'b')];
    });

    expect(said).toEqual(['welcome a', 'welcome b']);
    expect(recording.commands).toEqual([expect.objectContaining({ kind: 'listen', address: 'localhost:0' })]);
    expect(recording.commands[0]!['connections']).toHaveLength(2);
    expect(recording.fromClient(2).head.toString()).toBe('welcome a');
    expect(recording.toClient(2).head.toString()).toBe('a');
  });

  test('of a socket of the target', async () => {
    const path = join(sut.place, 'listens.sock');

    const { value: said, recording } = await sut.recordedOne(async () => {
      await using _ = await forwarding('dba', '-R', `${path}:127.0.0.1:${echoPort}`);
      await eventually('it listens', async () => (await say({ path }, 'x')) !== '');
      return await say({ path }, 'socket');
    });

    expect(said).toBe('welcome socket');
    expect(recording.commands[0]).toMatchObject({ kind: 'listen', address: `unix:${path}` });
  });

  test('is refused where policy does not permit it, and nothing listens', async () => {
    const port = await freePort();

    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dev', [], {
        before: ['-N', '-R', `${port}:127.0.0.1:${echoPort}`],
        settings: { ExitOnForwardFailure: 'yes' },
      }),
    );

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('remote port forwarding failed');
    expect(await say({ port, host: '127.0.0.1' }, 'x')).toBe('');
    expect(recording.commands).toEqual([]);
    expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
  });
});

describe('ssh -J', () => {
  /** The same way in for the jump and for what is behind it: both are this gateway. */
  async function jump(person: 'dev' | 'dba', to: string) {
    const { host, port } = sut.stack.ready.gateway.ssh!;
    const jumpSettings = await sut.settings();
    const file = await sut.settings({
      HostName: to,
      Port: '22',
      HostKeyAlias: `[${host}]:${port}`,
      ProxyCommand: `ssh -F ${jumpSettings} -W %h:%p gw`,
    });
    return run('ssh', ['-F', file, 'inner', 'echo inside'], {
      env: sut.env(sut.stack.ready.people[person]!.token),
    });
  }

  test('to a target is a session of its own, decided and recorded, not an opaque tunnel', async () => {
    const { value: end, recordings } = await sut.recorded(() => jump('dba', 'web-1'), 2);

    expect(end).toMatchObject({ code: 0, stdout: 'inside\n' });
    const outer = recordings.find(({ commands }) => commands[0]?.['kind'] === 'forward')!;
    const inner = recordings.find(({ commands }) => commands[0]?.['kind'] === 'exec')!;
    expect(forwardsOf(outer.commands)).toEqual(['web-1:22']);
    expect(inner.commands[0]).toMatchObject({ command: 'echo inside', exit: { status: 0 } });
    expect(inner.open?.['via']).toBe(outer.id);
  });

  test('is refused where policy does not permit the forward', async () => {
    const end = await jump('dev', 'elsewhere.example');

    expect(end.code).toBe(255);
    expect(end.stderr).toContain('administratively prohibited: Sallyport: forward refused');
  });
});

describe("what would let the target use what is the client's", () => {
  test('an agent is not forwarded, whoever asks, and the recording says that it was asked for', async () => {
    const socket = join(sut.folder, 'agent.sock');
    await using _ = await agentAt(socket);

    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dba', ['echo "agent=$SSH_AUTH_SOCK"'], {
        before: ['-A'],
        settings: { IdentityAgent: socket, ForwardAgent: 'yes' },
      }),
    );

    expect(end.stdout).toBe('agent=\n');
    expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
    expect(JSON.stringify(recording.decisions)).toContain('no-agent-forwarding');
  });

  test('a screen is not either', async () => {
    const { value: end, recording } = await sut.recordedOne(() =>
      sut.ssh('dba', ['echo "screen=$DISPLAY"'], { before: ['-Y'], env: { DISPLAY: 'localhost:99' } }),
    );

    expect(end.stdout).toBe('screen=\n');
    expect(end.stderr).toContain('X11 forwarding request failed');
    expect(recording.refusals).toEqual([expect.objectContaining({ code: 'denied' })]);
  });
});

/** ssh-agent(1) without keys. */
async function agentAt(path: string): Promise<AsyncDisposable> {
  const started = await run('ssh-agent', ['-a', path]);
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1]);
  return {
    [Symbol.asyncDispose]: async () => {
      process.kill(pid);
    },
  };
}
