import { describe, expect, test } from '@jest/globals';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { ClientConnection, Reception } from '#gateway/protocols/protocol.ts';
import { TrustedAuthorities } from '#gateway/protocols/ssh/trusted-authorities.ts';
import { type SignedIn, UserAuth } from '#gateway/protocols/ssh/userauth.ts';
import type { Transport } from '#gateway/protocols/ssh/wire/transport.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { generateEcdsa256, generateEd25519, type LocalSigner } from '#lib/ssh/private-key.ts';

const sessionId = Buffer.alloc(32, 7);
const trusted = await TrustedAuthorities.load(undefined);
const somebody = (name: string) => ({ name, subject: name, issuer: 'https://idp' }) as unknown as Identity;

/** The sign-in, with a client that has said all it will, and a control plane that knows a token and a key. */
async function signIn(
  said: readonly Buffer[],
  known: { readonly key?: LocalSigner; readonly login?: 'done' | 'denied' | 'expired' } = {},
) {
  const queue = [...said];
  const sent: Buffer[] = [];
  const asked: string[] = [];
  const transport = {
    sessionId,
    write: (payload: Buffer) => sent.push(payload) > 0,
    async receive() {
      const payload = queue.shift();
      if (payload) return payload;
      throw new SallyportError('timeout', 'the client says no more');
    },
  } as unknown as Transport;
  const connection = {
    address: '192.0.2.1',
    deadline: AbortSignal.timeout(10_000),
    waitFor: () => {},
    socket: { destroyed: false },
  } as unknown as ClientConnection;
  const reception: Reception = {
    issuer: 'https://idp',
    async identify(credential, target) {
      asked.push(`identify ${credential} for ${target}`);
      if (credential === 'token') return somebody('by token');
      throw new SallyportError('unauthenticated', 'the token does not hold');
    },
    vouch: principal => principal as Identity,
    logins: {
      async begin(_address, purpose) {
        asked.push(`begin ${purpose}`);
        return {
          id: 'login-1',
          userCode: 'ABCD-EFGH',
          verificationUriComplete: 'https://idp/device?code=ABCD-EFGH',
          expiresAt: Date.now() + 60_000,
          intervalMs: 1,
        } as Awaited<ReturnType<Reception['logins']['begin']>>;
      },
      async poll() {
        const state = known.login ?? 'denied';
        return state === 'done' ? { state, identity: somebody('by browser') } : { state };
      },
    },
    keys: {
      async identify(fingerprint) {
        asked.push(`key ${fingerprint}`);
        return known.key?.publicKey.fingerprint === fingerprint ? somebody('by key') : undefined;
      },
      async bind(loginId, key) {
        asked.push(`bind ${loginId} ${key.length}`);
      },
    },
    cancel: async () => {},
  };
  let outcome: SignedIn | SallyportError | unknown;
  try {
    outcome = await new UserAuth(transport, connection, reception, trusted).run();
  } catch (error) {
    outcome = error;
  }
  return {
    name: (outcome as Partial<SignedIn>).identity?.name,
    code: outcome instanceof SallyportError ? outcome.code : undefined,
    outcome,
    asked,
    answers: sent.map(payload => payload[0]),
    texts: sent.filter(payload => payload[0] === 53 || payload[0] === 60).map(String),
  };
}

const service = (name = 'ssh-userauth') => new SshWriter().u8(5).string(name).done();
const begin = (method: string, user: string | Buffer = 'web-1', next = 'ssh-connection') =>
  new SshWriter().u8(50).string(user).string(next).string(method);
const none = () => begin('none').done();
const password = (text: string | Buffer, user = 'web-1') =>
  begin('password', user).bool(false).string(text).done();
const keyboard = () => begin('keyboard-interactive').string('').string('').done();
const response = (...texts: string[]) => {
  const writer = new SshWriter().u8(61).u32(texts.length);
  for (const text of texts) writer.string(text);
  return writer.done();
};
const offer = ({ publicKey }: LocalSigner, algorithm: string = publicKey.type) =>
  begin('publickey').bool(false).string(algorithm).string(publicKey.blob).done();

function proof(signer: LocalSigner, session = sessionId, user = 'web-1'): Buffer {
  const { publicKey } = signer;
  const unsigned = begin('publickey', user).bool(true).string(publicKey.type).string(publicKey.blob).done();
  const data = new SshWriter().string(session).raw(unsigned).done();
  return new SshWriter().raw(unsigned).string(signer.sign(data)).done();
}

const { signer } = generateEd25519();
const accept = 6;
const failure = 51;
const banner = 53;
const pkOk = 60;

describe('a client is signed in', () => {
  test('by a token where a password is asked for, of the target that it names', async () => {
    const result = await signIn([service(), password('token', 'web-1/root')]);

    expect(result).toMatchObject({
      name: 'by token',
      answers: [accept],
      asked: ['identify token for web-1'],
    });
    expect((result.outcome as SignedIn).user).toBe('web-1/root');
  });

  test('by a key that is bound, once it has proved that it holds it', async () => {
    const result = await signIn([service(), none(), offer(signer), proof(signer)], { key: signer });

    expect(result).toMatchObject({ name: 'by key', answers: [accept, failure, pkOk] });
  });

  test('by a browser, and the key that it has proved is bound', async () => {
    const result = await signIn([service(), offer(signer), proof(signer), keyboard(), response('')], {
      login: 'done',
    });

    expect(result.name).toBe('by browser');
    expect(result.asked).toEqual([
      `key ${signer.publicKey.fingerprint}`,
      'begin key',
      `bind login-1 ${signer.publicKey.blob.length}`,
    ]);
    expect(result.texts.join()).toContain('https://idp/device?code=ABCD-EFGH');
  });

  test('by a browser without a key: none is bound', async () => {
    const result = await signIn([service(), keyboard(), response('')], { login: 'done' });

    expect(result).toMatchObject({ name: 'by browser', asked: ['begin session'] });
  });

  test('by a token given at the prompt', async () => {
    const result = await signIn([service(), keyboard(), response(' token \n')]);

    expect(result.name).toBe('by token');
  });
});

describe('a client is not signed in', () => {
  test('by a key that it does not hold, and nobody learns whether it is bound', async () => {
    const { signer: other } = generateEd25519();
    // Somebody else's key with a signature of one's own.
    const stolen = proof(other);
    signer.publicKey.blob.copy(stolen, stolen.indexOf(other.publicKey.blob));

    const result = await signIn([service(), stolen], { key: signer });

    expect(result).toMatchObject({ name: undefined, answers: [accept, failure], asked: [] });
  });

  test.each([
    ['of another connection', proof(signer, Buffer.alloc(32, 8))],
    [
      'for another user',
      Buffer.from(proof(signer, sessionId, 'web-2').toString('latin1').replace('web-2', 'web-1'), 'latin1'),
    ],
  ])('by a signature %s', async (_, payload) => {
    const result = await signIn([service(), payload], { key: signer });

    expect(result).toMatchObject({ name: undefined, answers: [accept, failure], asked: [] });
  });

  test('by the browser where the person has refused', async () => {
    const result = await signIn([service(), keyboard(), response('')]);

    expect(result).toMatchObject({ name: undefined, answers: [accept, pkOk, banner, failure] });
  });

  test('by an algorithm that the key does not have, or a kind of key that is not taken', async () => {
    const { signer: ecdsa } = generateEcdsa256();
    const unknown = begin('publickey').bool(false).string('ssh-dss').string(Buffer.from('0000')).done();

    const result = await signIn([service(), offer(ecdsa, 'ssh-ed25519'), unknown]);

    expect(result).toMatchObject({ answers: [accept, failure, failure], asked: [] });
  });
});

describe('a client that tries without end', () => {
  test.each([
    ['passwords', () => password('guess'), 4],
    ['keys', () => offer(generateEd25519().signer), 25],
    ['what there is', none, 65],
    ['a method that there is not', () => begin('hostbased').done(), 65],
  ])('is let go: %s', async (_, make, tries) => {
    const all = Array.from({ length: 200 }, make);

    const result = await signIn([service(), ...all]);

    expect(result.code).toBe('unauthenticated');
    expect(result.answers.filter(type => type === failure || type === pkOk)).toHaveLength(tries - 1);
  });

  test('is let go: signs in by a browser and refuses', async () => {
    const all = Array.from({ length: 50 }, () => [keyboard(), response('')]).flat();

    const result = await signIn([service(), ...all]);

    expect(result.code).toBe('unauthenticated');
    expect(result.asked).toHaveLength(4);
  });
});

describe('what is no sign-in ends it', () => {
  test.each([
    ['another service', [service('ssh-connection')], 'protocolViolation'],
    ['no service', [none()], 'protocolViolation'],
    ['a service behind the sign-in', [service(), begin('none', 'web-1', 'ftp').done()], 'protocolViolation'],
    ['a channel before the sign-in', [service(), Buffer.from('5a00', 'hex')], 'protocolViolation'],
    ['another user', [service(), none(), password('token', 'web-2')], 'protocolViolation'],
    ['a user that is not UTF-8', [service(), begin('none', Buffer.of(0xff)).done()], 'protocolViolation'],
    ['a user of 257 bytes', [service(), begin('none', 'u'.repeat(257)).done()], 'protocolViolation'],
    ['a method with an escape in it', [service(), begin('\u001b[2J').done()], 'protocolViolation'],
    ['a password that is not UTF-8', [service(), password(Buffer.of(0xff))], 'protocolViolation'],
    [
      'a new password',
      [service(), begin('password').bool(true).string('a').string('b').done()],
      'protocolViolation',
    ],
    ['a message of 100,000 bytes', [service(), password('x'.repeat(100_000))], 'unauthenticated'],
    ['two answers to one question', [service(), keyboard(), response('', '')], 'protocolViolation'],
    ['another message as an answer', [service(), keyboard(), none()], 'protocolViolation'],
    ['no message', [service(), Buffer.alloc(0)], 'protocolViolation'],
  ])('%s', async (_, said, code) => {
    const result = await signIn(said);

    expect(result).toMatchObject({ name: undefined, code });
  });

  test.each([
    ['a password', password('token')],
    ['a key', offer(signer)],
    ['a signature', proof(signer)],
    ['a question', keyboard()],
  ])('%s cut anywhere, and longer than it says', async (_, whole) => {
    for (let end = 0; end < whole.length; end += 1) {
      const result = await signIn([service(), whole.subarray(0, end)], { key: signer });

      expect([end, result.name, result.code]).toEqual([end, undefined, 'protocolViolation']);
    }
    const longer = await signIn([service(), Buffer.concat([whole, Buffer.of(0)])], { key: signer });

    expect(longer).toMatchObject({ name: undefined, code: 'protocolViolation' });
  });

  test('a signature with any bit changed is by nobody', async () => {
    const whole = proof(signer);
    const from = new SshReader(whole.subarray(1)).string().length;
    for (let at = from; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1 << (at % 8);

      const result = await signIn([service(), changed], { key: signer });

      expect([at, result.name]).toEqual([at, undefined]);
    }
  });
});
