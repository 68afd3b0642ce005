import { randomBytes } from 'node:crypto';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Transport } from '#gateway/protocols/ssh/wire/transport.ts';
import { SallyportError } from '#lib/errors.ts';
import { asClient, asServer, connected, hostKey, soon } from './transports.ts';

const pause = () => new Promise(resolve => setImmediate(resolve));

async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await pause();
}

async function codeOf(action: Promise<unknown>): Promise<string | undefined> {
  try {
    await action;
    return undefined;
  } catch (error) {
    return error instanceof SallyportError ? error.code : String(error);
  }
}

/** A message of the connection layer with these bytes in it. */
const payload = (bytes: Uint8Array) => Buffer.concat([Buffer.of(94), bytes]);

/** What an end takes from now on. */
function taken(end: Transport): Buffer[] {
  const payloads: Buffer[] = [];
  end.handOver(bytes => payloads.push(Buffer.from(bytes)));
  return payloads;
}

/** Messages that nobody but a transport's own peer can say: encrypted by it. */
function failureOf(end: Transport): () => SallyportError | undefined {
  let failure: SallyportError | undefined;
  end.onFailure = reason => {
    failure = reason;
  };
  return () => failure;
}

describe('two transports', () => {
  test('exchange keys, agree on the session, and pass payloads both ways', async () => {
    const { server, client } = await connected();
    const [atServer, atClient] = [taken(server), taken(client)];

    client.write(payload(Buffer.from('to the server')));
    server.write(payload(Buffer.from('to the client')));
    await settle();

    expect(server.sessionId.equals(client.sessionId)).toBe(true);
    expect(atServer.map(String)).toEqual(['^to the server']);
    // EXT_INFO came first.
    expect(atClient.map(bytes => bytes[0])).toEqual([94]);
  });

  test('pass any payloads in their order, through new keys, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('write', 'write', 'rekey'), fc.nat(35_000 - 200)), {
          maxLength: 25,
        }),
        fc.integer({ min: 1, max: 2_000 }),
        async (steps, cut) => {
          const { server, client, serverSocket } = await connected();
          inPieces(serverSocket, cut);
          const [atServer, atClient] = [taken(server), taken(client)];
          const sent: Buffer[] = [];
          for (const [step, length] of steps) {
            if (step === 'rekey') (length % 2 === 0 ? server : client).rekey();
            else {
              const bytes = payload(randomBytes(length));
              sent.push(bytes);
              client.write(bytes);
              server.write(bytes);
            }
            if (length % 3 === 0) await pause();
          }
          await settle(60);

          expect(atServer.length).toBe(sent.length);
          expect(atClient.length).toBe(sent.length);
          expect(Buffer.concat(atServer).equals(Buffer.concat(sent))).toBe(true);
          expect(Buffer.concat(atClient).equals(Buffer.concat(sent))).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  }, 60_000);

  test('that both ask for new keys at once go on', async () => {
    const { server, client } = await connected();
    const [atServer, atClient] = [taken(server), taken(client)];

    server.rekey();
    client.rekey();
    for (let index = 0; index < 20; index += 1) {
      client.write(payload(Buffer.of(index)));
      server.write(payload(Buffer.of(index)));
    }
    await settle();

    expect(atServer.map(bytes => bytes[1])).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(atClient).toHaveLength(20);
  });

  test('are not told to wait while keys are exchanged: two exchanges would wait for each other', async () => {
    const { server } = await connected();

    server.rekey();

    expect(server.write(payload(Buffer.from('x')))).toBe(true);
  });

  test('do not stay together when the host key is another', async () => {
    const side = { role: 'client', trust: { algorithms: ['ssh-ed25519'], verify: () => false } } as const;

    expect(await codeOf(connected(side))).toBe('protocolViolation');
  });

  test('do not stay together when a byte on the way is another', async () => {
    const { server, client, serverSocket } = await connected();
    taken(client);
    const atServer = taken(server);
    const failure = failureOf(server);
    let flipped = false;
    const emit = serverSocket.emit.bind(serverSocket) as (event: string, ...values: unknown[]) => boolean;
    serverSocket.emit = (event: string, ...values: unknown[]) => {
      if (event !== 'data' || flipped) return emit(event, ...values);
      flipped = true;
      const chunk = Buffer.from(values[0] as Buffer);
      chunk[chunk.length - 20]! ^= 1;
      return emit(event, chunk);
    };

    client.write(payload(Buffer.from('rm -rf /tmp/x')));
    await settle();

    expect(failure()?.code).toBe('protocolViolation');
    expect(atServer).toEqual([]);
  });
});

describe('a peer that is no friend', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40))],
    ['SSH 1', Buffer.from('SSH-1.5-old\r\n')],
    ['zeros', Buffer.alloc(100_000)],
    ['a greeting without end', Buffer.from('x'.repeat(200_000))],
    ['lines without end', Buffer.from('hello\r\n'.repeat(20_000))],
    [
      'a packet of 2^31 bytes',
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from('7fffffff04', 'hex')]),
    ],
    ['a packet of no bytes', Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64)])],
    [
      'a message before the keys',
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from('0000000c0a500000000000000000000000', 'hex')]),
    ],
  ])('is let go before there are keys: %s', async (_, bytes) => {
    const [peer, socket] = duplexPair();
    peer.resume();
    const transport = new Transport(socket, asServer);
    const failure = failureOf(transport);

    peer.write(bytes);
    await settle();

    expect(failure()?.code).toBe('protocolViolation');
    expect(await codeOf(transport.established(soon()))).toBe('protocolViolation');
  });

  test('does no harm with any bytes, before the keys and behind them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 6 }),
        async (early, chunks) => {
          const [peer, socket] = duplexPair();
          peer.resume();
          const end = early
            ? { transport: new Transport(socket, asServer), peer }
            : await connected().then(({ server, clientSocket }) => ({
                transport: server,
                peer: clientSocket,
              }));
          const payloads = taken(end.transport);
          if (early) end.peer.write('SSH-2.0-x\r\n');
          for (const chunk of chunks) end.peer.write(chunk);
          await settle(5);

          expect(payloads).toEqual([]);
          end.transport.close();
        },
      ),
      { numRuns: 100 },
    );
  }, 30_000);

  test('is let go when it asks for new keys without end', async () => {
    const { server, client } = await connected();
    taken(server);
    taken(client);
    const failure = failureOf(server);

    let rounds = 0;
    for (; rounds < 60 && failure() === undefined; rounds += 1) {
      client.rekey();
      await settle(12);
    }

    expect(failure()?.code).toBe('tooMany');
    expect(rounds).toBeLessThan(40);
  });

  test('is let go when it says what is unknown and reads no answer', async () => {
    const { server, client, clientSocket } = await connected();
    taken(server);
    const failure = failureOf(server);
    clientSocket.pause();

    for (let index = 0; index < 60_000 && failure() === undefined; index += 1) {
      client.write(Buffer.of(30, 0, 0, 0, 0));
      if (index % 100 === 0) await pause();
    }
    await settle();

    expect(failure()?.code).toBe('tooMany');
  }, 30_000);

  test('cannot send ahead without end before it is asked', async () => {
    const { server, client } = await connected();
    const failure = failureOf(server);

    for (let index = 0; index < 100; index += 1) client.write(payload(Buffer.of(index)));
    await settle();

    expect(failure()?.code).toBe('protocolViolation');
  });

  test('is told that a message is not known, and passed over', async () => {
    const { server, client } = await connected();
    const atServer = taken(server);

    client.write(Buffer.of(30, 1, 2, 3));
    client.write(Buffer.of(2, 0, 0, 0, 0));
    client.write(payload(Buffer.from('still here')));
    await settle();

    expect(atServer.map(String)).toEqual(['^still here']);
  });

  test('that disconnects in words that a terminal would obey is quoted without them', async () => {
    const { server, client } = await connected();
    taken(server);
    const failure = failureOf(server);

    client.disconnect(11, 'bye \u001b[2J\u009b');
    await settle();

    expect(failure()?.message).toBe('disconnected: bye ?[2J?');
  });
});

describe('waiting', () => {
  test('for keys ends with the deadline', async () => {
    const [peer, socket] = duplexPair();
    peer.resume();
    const transport = new Transport(socket, asServer);

    expect(await codeOf(transport.established(AbortSignal.timeout(30)))).toBe('timeout');
    transport.close();
  });

  test('for a message ends with the deadline, and with the connection', async () => {
    const { server, client, clientSocket } = await connected();

    const late = await codeOf(server.receive(AbortSignal.timeout(30)));
    const waiting = codeOf(client.receive(soon()));
    clientSocket.destroy();

    expect(late).toBe('timeout');
    expect(await waiting).toBe('protocolViolation');
  });

  test('messages come in their order, those that came early first', async () => {
    const { server, client } = await connected();

    for (let index = 0; index < 5; index += 1) client.write(payload(Buffer.of(index)));
    await settle();
    const first = await server.receive(soon());
    const rest = taken(server);
    client.write(payload(Buffer.of(5)));
    await settle();

    expect([first, ...rest].map(bytes => bytes[1])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a host key of ours is what the client is shown', async () => {
    const shown: Buffer[] = [];
    await connected({
      role: 'client',
      trust: {
        algorithms: ['ssh-ed25519'],
        verify: blob => {
          shown.push(blob);
          return true;
        },
      },
    });

    expect(shown).toEqual([hostKey.key.getPublicSSH()]);
  });

  test('a full socket says so, and once when it is over', async () => {
    const { server, client, clientSocket } = await connected(asClient);
    taken(client);
    clientSocket.pause();
    let drains = 0;
    server.on('drain', () => {
      drains += 1;
    });

    let writes = 0;
    while (writes < 2_000 && server.write(payload(Buffer.alloc(30_000)))) {
      writes += 1;
      await pause();
    }
    const before = drains;
    clientSocket.resume();
    await settle(200);
    server.rekey();
    await settle();

    expect(writes).toBeLessThan(2_000);
    expect([before, drains]).toEqual([0, 1]);
  });
});

/** Like a network that cuts as it likes. */
function inPieces(socket: Duplex, bytes: number): void {
  const emit = socket.emit.bind(socket) as (event: string, ...values: unknown[]) => boolean;
  socket.emit = (event: string, ...values: unknown[]) => {
    if (event !== 'data') return emit(event, ...values);
    const chunk = values[0] as Buffer;
    for (let at = 0; at < chunk.length; at += bytes)
      emit('data', Buffer.from(chunk.subarray(at, at + bytes)));
    return true;
  };
}
