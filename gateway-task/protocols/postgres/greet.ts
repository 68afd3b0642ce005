import type { ByteReader } from '#gateway/net/byte-reader.ts';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { ClientConnection, Greeting, Reception } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { contradiction } from '#lib/identity/user-name.ts';
import { checkStartupParameters } from '#lib/sql/settings.ts';
import { cancelKey } from './cancel.ts';
import { discovery, readInitialResponse } from './oauth-bearer.ts';
import { authentication, negotiateProtocolVersion } from './wire/build.ts';
import { frameBytes, frontend, headBytes } from './wire/frames.ts';
import { newestMinor, type Opening, openingLength, readOpening } from './wire/startup.ts';

export const alpn = ['postgresql'] as const;

/** A token may be 16 KiB; around it the message has a few bytes of its own. */
const maxCredentialBytes = 20 * 1024;
const tlsHandshakeRecord = 0x16;
/** A start-up option that asks for sign-in by SASL OAUTHBEARER instead of a password. */
const authOption = 'sallyport.auth';

export interface PostgresHello {
  readonly minor: number;
  /** What goes on to the target: everything but user, database and what only the gateway reads. */
  readonly parameters: ReadonlyMap<string, string>;
}

type Startup = Extract<Opening, { kind: 'startup' }>;

/**
 * The start of a PostgreSQL connection, https://www.postgresql.org/docs/18/protocol-flow.html sections
 * "Start-up", "SSL session encryption" and "Cancelling requests in progress".
 */
export async function greet(
  connection: ClientConnection,
  reception: Reception,
): Promise<Greeting<PostgresHello> | undefined> {
  const opening = await readEncryptedOpening(connection);
  if (opening.kind === 'cancel') {
    await reception.cancel(cancelKey(opening.processId, opening.secretKey));
    connection.socket.end();
    return undefined;
  }

  const parameters = new Map(opening.parameters);
  const user = take(parameters, 'user');
  if (!user) throw new SallyportError('protocolViolation', 'no PostgreSQL user name in the startup packet');
  const database = take(parameters, 'database') || user;
  const options = take(parameters, 'options');
  const { rest, wantsOauth } = readAuthOption(options);
  if (rest) parameters.set('options', rest);
  refuseParameters(parameters);
  negotiate(connection, opening, parameters);

  if (!connection.encrypted && !connection.loopback) {
    throw new SallyportError('unauthenticated', 'a password or token is taken over TLS only', {
      hint: 'Connect with sslmode=verify-full (or at least sslmode=require).',
    });
  }
  const [target, place] = splitTarget(database);
  const identity = wantsOauth
    ? await signInByOauth(connection, reception, target)
    : await signInByPassword(connection, reception, target);
  const refusal = contradiction(user, identity);
  if (refusal) throw new SallyportError('unauthenticated', refusal.message, { hint: refusal.hint });
  return { identity, target, place, hello: { minor: opening.minor, parameters } };
}

/** `shop` is the target with its own database, `shop/otherdb` another database of it. */
export function splitTarget(database: string): [target: string, place: string | undefined] {
  const slash = database.indexOf('/');
  return slash < 0 ? [database, undefined] : [database.slice(0, slash), database.slice(slash + 1)];
}

async function readEncryptedOpening(
  connection: ClientConnection,
): Promise<Exclude<Opening, { kind: 'ssl' | 'gssenc' }>> {
  if ((await connection.reader.peek(1))[0] === tlsHandshakeRecord) await connection.encrypt(alpn, true);
  let gssRefused = false;
  for (;;) {
    const opening = await readOne(connection.reader);
    if (opening.kind === 'startup' || opening.kind === 'cancel') return opening;
    // What a client has sent ahead of the answer would be read as if it had come encrypted.
    if (connection.reader.buffered > 0) {
      throw new SallyportError('protocolViolation', 'received unencrypted data after an encryption request');
    }
    if (opening.kind === 'ssl' && !connection.encrypted) {
      connection.socket.write('S');
      await connection.encrypt(alpn, false);
    } else if (opening.kind === 'gssenc' && !gssRefused && !connection.encrypted) {
      gssRefused = true;
      connection.socket.write('N');
    } else {
      throw new SallyportError('protocolViolation', 'encryption was asked for twice');
    }
  }
}

async function readOne(reader: ByteReader): Promise<Opening> {
  const length = openingLength(await reader.peek(4));
  return readOpening(await reader.read(length));
}

function take(parameters: Map<string, string>, name: string): string | undefined {
  const value = parameters.get(name);
  parameters.delete(name);
  return value;
}

function readAuthOption(options: string | undefined): { rest: string | undefined; wantsOauth: boolean } {
  const pattern = new RegExp(`(?:^|\\s)(?:-c\\s*|--)${authOption.replace('.', '\\.')}=(\\S*)`);
  const found = options?.match(pattern);
  if (!options || !found) return { rest: options, wantsOauth: false };
  if (found[1] !== 'oauth') {
    throw new SallyportError('unsupported', `${authOption} is neither left out nor "oauth"`, {
      hint: `Leave it out to sign in by password, or set options='-c ${authOption}=oauth'.`,
    });
  }
  return { rest: options.replace(pattern, ' ').trim(), wantsOauth: true };
}

function refuseParameters(parameters: ReadonlyMap<string, string>): void {
  const verdict = checkStartupParameters(parameters);
  if (verdict) throw new SallyportError('unsupported', verdict);
}

function negotiate(connection: ClientConnection, opening: Startup, parameters: Map<string, string>): void {
  const protocolOptions = [...parameters.keys()].filter(name => name.startsWith('_pq_.'));
  for (const name of protocolOptions) parameters.delete(name);
  if (opening.minor > newestMinor || protocolOptions.length > 0) {
    connection.socket.write(negotiateProtocolVersion(Math.min(opening.minor, newestMinor), protocolOptions));
  }
}

async function signInByPassword(
  connection: ClientConnection,
  reception: Reception,
  target: string,
): Promise<Identity> {
  connection.socket.write(authentication.cleartextPassword());
  const body = await readPasswordMessage(connection.reader);
  const end = body.indexOf(0);
  if (end !== body.length - 1) throw new SallyportError('protocolViolation', 'invalid password packet');
  return reception.identify(body.toString('utf8', 0, end), target);
}

async function signInByOauth(
  connection: ClientConnection,
  reception: Reception,
  target: string,
): Promise<Identity> {
  connection.socket.write(authentication.sasl('OAUTHBEARER'));
  const token = readInitialResponse(await readPasswordMessage(connection.reader));
  if (token === undefined) {
    connection.socket.write(authentication.saslContinue(discovery(reception.issuer)));
    await readPasswordMessage(connection.reader);
    throw new SallyportError('unauthenticated', 'a bearer token is needed', {
      hint: `Take an access token at ${reception.issuer} and connect again.`,
    });
  }
  return reception.identify(token, target);
}

async function readPasswordMessage(reader: ByteReader): Promise<Buffer> {
  const head = await reader.read(headBytes);
  const length = frameBytes(head, 0);
  if (head[0] !== frontend.password || length < 0) {
    throw new SallyportError('protocolViolation', 'expected a password response');
  }
  if (length > maxCredentialBytes)
    throw new SallyportError('unauthenticated', 'the password is too long for a token or ticket');
  return reader.read(length - headBytes);
}
