import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client } from 'pg';
import { eventually } from '../support/eventually.ts';
import { openClient, sqlStateOf, withClient } from '../support/login.ts';
import { readRecordings } from '../support/recordings.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { errorFields, messages, sslRequest, startup, WireClient } from '../support/wire-client.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack();
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe('limits', () => {
  // Before each: a connection that an earlier test has ended may hold its place for a moment more.
  beforeEach(() =>
    sut.stack.gateway.restart({
      SALLYPORT_MAX_CONNECTIONS_PER_ADDRESS: '8',
      SALLYPORT_MAX_SESSIONS_PER_PRINCIPAL: '3',
    }),
  );

  test('a person has so many sessions and no more; another person has their own', async () => {
    const clients: Client[] = [];
    for (let index = 0; index < 3; index += 1) clients.push(await openClient(sut.login('dev')));

    const fourth = await sqlStateOf(withClient(sut.login('dev'), async () => {}));
    const another = await sqlStateOf(withClient(sut.login('dba'), async () => {}));
    await clients[0]!.end();
    await eventually('the place is given back', async () => {
      const state = await sqlStateOf(withClient(sut.login('dev'), async () => {}));
      return state === undefined;
    });

    expect({ fourth, another }).toEqual({ fourth: '53300', another: undefined });
    await Promise.all(clients.slice(1).map(client => client.end()));
  });

  test('an address has so many connections and no more, signed in or not', async () => {
    const silent: WireClient[] = [];
    for (let index = 0; index < 8; index += 1) silent.push(await WireClient.connect(sut.login('dev')));

    const ninth = await WireClient.connect(sut.login('dev'));
    await ninth.closed(20_000);
    for (const wire of silent) wire.end();

    await eventually('the places are given back', async () => {
      const state = await sqlStateOf(withClient(sut.login('dev'), async () => {}));
      return state === undefined;
    });
  });

  test('who leaves in the middle of the TLS handshake gives the place back at once', async () => {
    const half: WireClient[] = [];
    for (let index = 0; index < 8; index += 1) {
      const wire = await WireClient.connect(sut.login('dev'));
      wire.send(sslRequest);
      half.push(wire);
    }
    const ninth = await WireClient.connect(sut.login('dev'));
    await ninth.closed(20_000);

    for (const wire of half) wire.socket.destroy();

    await eventually(
      'the places are given back',
      async () => (await sqlStateOf(withClient(sut.login('dev'), async () => {}))) === undefined,
      5_000,
    );
  });

  test('who resets the connection while the session opens leaves none behind', async () => {
    const { user, password, database } = sut.login('dev');
    for (let index = 0; index < 20; index += 1) {
      const wire = await WireClient.connect(sut.login('dev'));
      wire.send(startup({ user, database }), messages.password(password));
      await sleep(index * 4);
      wire.socket.resetAndDestroy();
      // As many as may be under way at once.
      if (index % 3 === 2) await sleep(150);
    }

    await eventually(
      'no session is live, and none holds a place',
      async () => {
        const metrics = await (await fetch(new URL('/metrics', sut.stack.ready.gateway.health))).text();
        const live = /^sallyport_live_sessions\{protocol="postgres"\} (\d+)$/m.exec(metrics)?.[1] ?? '0';
        return live === '0';
      },
      10_000,
    );
    // One that was still being opened is not live, and has its place until the target was reached.
    await eventually('every place is given back', () => threeCanOpen(), 20_000);
  }, 60_000);
});

async function threeCanOpen(): Promise<boolean> {
  const clients: Client[] = [];
  const state = await sqlStateOf(
    (async () => {
      for (let index = 0; index < 3; index += 1) clients.push(await openClient(sut.login('dev')));
    })(),
  );
  await Promise.all(clients.map(client => client.end()));
  return state === undefined;
}

describe('PROXY protocol version 2', () => {
  beforeAll(() => sut.stack.gateway.restart({ SALLYPORT_PROXY_PROTOCOL: 'v2' }));

  const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  /** TCP over IPv4 from this address. */
  function header(source: readonly number[], command = 0x21, extra = Buffer.alloc(0)): Buffer {
    const addresses = Buffer.from([...source, 10, 0, 0, 9, 0xc0, 0, 0x15, 0x38]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(addresses.length + extra.length);
    return Buffer.concat([signature, Buffer.from([command, 0x11]), length, addresses, extra]);
  }
  const loopback = [127, 0, 0, 1];

  async function signIn(head: Buffer): Promise<WireClient> {
    const { user, database, password } = sut.login('dev');
    const wire = await WireClient.connect(sut.login('dev'));
    wire.send(head, startup({ user, database }));
    await wire.expect('R');
    wire.send(messages.password(password));
    await wire.ready();
    return wire;
  }

  test('the address that it states is the one in the recording', async () => {
    const wire = await signIn(header([127, 4, 5, 6]));
    await wire.query("SELECT 'through a balancer'");
    wire.end();

    const recording = await eventually(
      'it is recorded',
      async () => {
        const all = await readRecordings(sut.stack.ready.paths.recordings);
        return all.find(one => one.final && one.clientBytes.includes('through a balancer'));
      },
      20_000,
    );
    expect(recording.open?.clientAddress).toBe('127.4.5.6');
  });

  test('TLVs behind the address are passed over', async () => {
    const wire = await signIn(header(loopback, 0x21, Buffer.from([0xea, 0, 3, 1, 2, 3])));

    wire.end();
  });

  test('a connection without it is closed', async () => {
    const { user, database } = sut.login('dev');
    const wire = await WireClient.connect(sut.login('dev'));

    wire.send(startup({ user, database }), Buffer.alloc(64));

    await wire.closed();
  });

  test('a health check of the balancer is closed without a word', async () => {
    const wire = await WireClient.connect(sut.login('dev'));

    wire.send(header(loopback, 0x20));

    expect(await wire.next()).toBeUndefined();
  });

  test('who comes over a network must speak TLS before a password is asked for', async () => {
    const { user, database } = sut.login('dev');
    const wire = await WireClient.connect(sut.login('dev'));

    wire.send(header([203, 0, 113, 9]), startup({ user, database }));

    const [refusal] = await wire.until('E');
    const fields = errorFields(refusal!);
    expect(fields).toMatchObject({ C: '28P01' });
    expect(fields['H']).toContain('sslmode=verify-full');
  });

  test.each([
    ['version 1', Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 50000 5432\r\n')],
    ['an unknown command', header(loopback, 0x22)],
    ['no IP address', Buffer.concat([signature, Buffer.from([0x21, 0x31, 0, 4, 1, 2, 3, 4])])],
    ['an address that is cut short', Buffer.concat([signature, Buffer.from([0x21, 0x11, 0, 4, 1, 2, 3, 4])])],
    ['a length past all measure', Buffer.concat([signature, Buffer.from([0x21, 0x11, 0xff, 0xff])])],
  ])('%s is closed', async (_, bytes) => {
    const wire = await WireClient.connect(sut.login('dev'));

    wire.send(bytes);

    await wire.closed();
  });
});
