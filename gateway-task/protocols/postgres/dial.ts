import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ByteReader } from '#gateway/net/byte-reader.ts';
import { dialTcp, encryptTarget } from '#gateway/net/connect.ts';
import { deadlineIn } from '#gateway/net/deadline.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { SallyportError } from '#lib/errors.ts';
import type { PostgresTarget } from '#lib/policy/config/targets/postgres.ts';
import { loadGrammar } from '#lib/sql/grammar.ts';
import type { PostgresHello } from './greet.ts';
import { loginOf, type PostgresLogin } from './login.ts';
import { ScramClient } from './scram.ts';
import {
  cancelRequest,
  password as passwordMessage,
  saslInitialResponse,
  saslResponse,
  sslRequest,
  startup,
} from './wire/build.ts';
import { backend, frameBytes, headBytes } from './wire/frames.ts';
import { type ErrorText, readErrorFields, readParameterStatus } from './wire/read.ts';

/** No honest server sends more than this in one message before it is ready. */
const maxGreetingBytes = 64 * 1024;

/** The target's leg, signed in and ready for a query. */
export interface PostgresLeg {
  readonly socket: Socket;
  /** The bytes of its `data` events are the listener's only until it returns. */
  readonly lends: boolean;
  /** The target's own key, to cancel by. */
  readonly processId: number;
  readonly secretKey: Buffer;
  /** ParameterStatus, as it came, name to value. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Frames for the client that came on the way: ParameterStatus and NoticeResponse. */
  readonly greeting: Buffer;
  /** Opens a second connection and asks to stop what runs on this one. */
  cancel(): Promise<void>;
  /** Closes so that the server cannot answer any more: what it has not begun to read it does not run. */
  reset(): void;
}

/** Opens a PostgreSQL target with the credentials of its secret. Rejects with coded errors only. */
export async function dial(
  grant: Grant<PostgresTarget>,
  hello: PostgresHello,
  deadline: AbortSignal,
): Promise<PostgresLeg> {
  const login = await loginOf(grant);
  const opened = await open(login, deadline);
  try {
    return await signIn(grant, login, hello, opened, deadline);
  } catch (error) {
    opened.socket.destroy();
    throw error;
  }
}

interface Opened {
  /** What is spoken over: the connection itself, or TLS in it. */
  readonly socket: Socket | TLSSocket;
  readonly connection: Socket;
}

async function open(login: PostgresLogin, deadline: AbortSignal): Promise<Opened> {
  const socket = await dialTcp(login.host, login.port, deadline, { lends: true });
  if (login.tls === undefined) return { socket, connection: socket };
  const reader = new ByteReader(socket, deadline);
  socket.write(sslRequest());
  const answer = (await reader.read(1))[0];
  const early = reader.buffered;
  reader.detach();
  if (answer !== 0x53 || early > 0) {
    socket.destroy();
    throw new SallyportError('targetUnavailable', 'the target does not offer TLS', {
      hint: 'Turn on ssl at the target, or set tls.mode to disable for it in targets.yaml.',
    });
  }
  const tls = { ...login.tls, alpn: ['postgresql'] };
  return { socket: await encryptTarget(socket, login.host, tls, deadline), connection: socket };
}

async function signIn(
  grant: Grant<PostgresTarget>,
  login: PostgresLogin,
  hello: PostgresHello,
  { socket, connection }: Opened,
  deadline: AbortSignal,
): Promise<PostgresLeg> {
  const reader = new ByteReader(socket, deadline);
  socket.write(
    startup(0, [['user', login.username], ['database', grant.place], ...hello.parameters.entries()]),
  );
  await authenticate(reader, socket, login);

  const parameters = new Map<string, string>();
  const greeting: Buffer[] = [];
  let key: { processId: number; secretKey: Buffer } | undefined;
  for (;;) {
    const frame = await readFrame(reader);
    const body = frame.subarray(headBytes);
    switch (frame[0]) {
      case backend.parameterStatus:
        parameters.set(...readParameterStatus(body));
        greeting.push(frame);
        break;
      case backend.noticeResponse:
        greeting.push(frame);
        break;
      case backend.backendKeyData:
        key = { processId: body.readInt32BE(0), secretKey: Buffer.from(body.subarray(4)) };
        break;
      case backend.readyForQuery: {
        // Before the first statement comes: a server whose grammar is not there is refused here.
        await loadGrammar(Number.parseInt(parameters.get('server_version') ?? '', 10));
        reader.detach();
        const { processId, secretKey } = key ?? { processId: 0, secretKey: Buffer.alloc(4) };
        return {
          socket,
          lends: login.tls === undefined,
          processId,
          secretKey,
          parameters,
          greeting: Buffer.concat(greeting),
          cancel: () => cancelAt(login, processId, secretKey),
          reset: () => {
            socket.destroy();
            connection.resetAndDestroy();
          },
        };
      }
      default:
        throw unexpected(frame);
    }
  }
}

/** The ways in that https://www.postgresql.org/docs/18/protocol-flow.html "Start-up" names, as far as they are safe. */
async function authenticate(
  reader: ByteReader,
  socket: Socket | TLSSocket,
  login: PostgresLogin,
): Promise<void> {
  let scram: ScramClient | undefined;
  for (;;) {
    const frame = await readFrame(reader);
    if (frame[0] !== backend.authentication) throw unexpected(frame);
    const method = frame.readInt32BE(headBytes);
    const data = frame.subarray(headBytes + 4);
    switch (method) {
      case 0:
        return;
      case 3:
        if (!('getPeerCertificate' in socket)) {
          throw new SallyportError(
            'targetUnavailable',
            'the target asks for a cleartext password without TLS',
          );
        }
        socket.write(passwordMessage(needPassword(login)));
        break;
      case 5: {
        const inner = md5(needPassword(login) + login.username);
        socket.write(passwordMessage(`md5${md5(Buffer.concat([Buffer.from(inner), data.subarray(0, 4)]))}`));
        break;
      }
      case 10: {
        const offered = data.toString('latin1').split('\0').filter(Boolean);
        const certificate = 'getPeerCertificate' in socket ? socket.getPeerCertificate(true).raw : undefined;
        scram = new ScramClient(needPassword(login), offered, certificate);
        socket.write(saslInitialResponse(scram.mechanism, scram.first()));
        break;
      }
      case 11:
        if (!scram) throw unexpected(frame);
        socket.write(saslResponse(await scram.final(data.toString('utf8'))));
        break;
      case 12:
        if (!scram) throw unexpected(frame);
        scram.verify(data.toString('utf8'));
        break;
      default:
        throw new SallyportError(
          'targetUnavailable',
          `the target asks for a way of signing in (${method}) that Sallyport does not have`,
          { hint: 'Let the gateway sign in by scram-sha-256 or by client certificate in pg_hba.conf.' },
        );
    }
  }
}

async function readFrame(reader: ByteReader): Promise<Buffer> {
  const length = frameBytes(await reader.peek(headBytes), 0);
  if (length < 0 || length > maxGreetingBytes) {
    throw new SallyportError('targetUnavailable', 'the target does not speak PostgreSQL');
  }
  return reader.read(length);
}

function unexpected(frame: Buffer): SallyportError {
  if (frame[0] !== backend.errorResponse) {
    return new SallyportError('targetUnavailable', 'the target sent an unexpected message at sign-in');
  }
  const error = readErrorFields(frame.subarray(headBytes));
  return new SallyportError('targetUnavailable', describe(error), { cause: new Error(error.message) });
}

/** The target's words are passed on, but not those about the gateway's own login. */
function describe(error: ErrorText): string {
  return error.code.startsWith('28')
    ? `the target refused the gateway's own login (SQLSTATE ${error.code})`
    : `the target refused the connection: ${error.message} (SQLSTATE ${error.code})`;
}

function needPassword(login: PostgresLogin): string {
  if (login.password !== undefined) return login.password;
  throw new SallyportError('targetUnavailable', 'the target asks for a password, and its secret holds none');
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

const cancelDeadlineMs = 10_000;

/** CancelRequest on a connection of its own; the target closes it when it has passed the request on. */
async function cancelAt(login: PostgresLogin, processId: number, secretKey: Buffer): Promise<void> {
  using deadline = deadlineIn(cancelDeadlineMs);
  const { socket } = await open(login, deadline.signal);
  const closed = new Promise<void>(resolve => socket.once('close', resolve));
  socket.resume();
  socket.write(cancelRequest(processId, secretKey));
  deadline.signal.addEventListener('abort', () => socket.destroy());
  await closed;
}
