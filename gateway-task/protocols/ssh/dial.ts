import type { Duplex } from 'node:stream';
import { dialTcp } from '#gateway/net/connect.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { SallyportError } from '#lib/errors.ts';
import type { SshTarget } from '#lib/policy/config/targets/ssh.ts';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { hostTrust } from './host-trust.ts';
import { loginOf, type SshLogin } from './login.ts';
import type { UserAuthority } from './user-authority.ts';
import { message, serviceRequest } from './wire/messages.ts';
import { Transport } from './wire/transport.ts';

/** What a target may say before the client is in: notices that the law asks for. */
const maxBannerBytes = 16 * 1024;
const maxMessages = 32;
/** Packets have 32 KiB: the more of them a read brings, the fewer are put together from two. */
const readBytes = 256 * 1024;

/** The target's leg, signed in. */
export interface SshLeg {
  readonly socket: Duplex;
  readonly transport: Transport;
  /** What the target tells whoever signs in. */
  readonly banner: string;
}

/** Opens an SSH host with the credentials that only the gateway has. Rejects with coded errors only. */
export async function dial(
  grant: Grant<SshTarget>,
  authority: UserAuthority | undefined,
  deadline: AbortSignal,
): Promise<SshLeg> {
  const login = await loginOf(grant, authority);
  const trust = hostTrust(login);
  if (trust.algorithms.length === 0) {
    throw new SallyportError('targetUnavailable', 'no host key of the target is known', {
      hint: 'Write hostKeys or hostAuthorities for it in targets.yaml: ssh-keyscan shows what it has; compare before you trust it.',
    });
  }
  const socket = await dialTcp(login.host, login.port, deadline, { lends: true, readBytes });
  const transport = new Transport(socket, { role: 'client', trust });
  try {
    await establish(transport, deadline);
    return { socket, transport, banner: await signIn(transport, login, deadline) };
  } catch (error) {
    transport.close();
    socket.destroy();
    throw coded(error);
  }
}

async function establish(transport: Transport, deadline: AbortSignal): Promise<void> {
  try {
    await transport.established(deadline);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : '';
    throw new SallyportError(
      'targetUnavailable',
      words.includes('Host denied')
        ? "the target's host key is not the one that is written down for it"
        : 'the target does not take the key exchange',
      { cause, hint: 'Compare hostKeys or hostAuthorities in targets.yaml with what the host has.' },
    );
  }
}

/**
 * RFC 4252, client side, in one attempt; a host that takes no password but by its prompts (RFC 4256) is answered there.
 *
 * @returns the target's banner
 */
async function signIn(transport: Transport, login: SshLogin, deadline: AbortSignal): Promise<string> {
  transport.write(serviceRequest('ssh-userauth'));
  let prompted = false;
  let banner = '';
  for (let count = 0; count < maxMessages; count += 1) {
    const payload = await transport.receive(deadline);
    const reader = new SshReader(payload);
    switch (reader.u8()) {
      case message.serviceAccept:
        transport.write(await request(transport, login));
        break;
      case message.userauthBanner:
        banner += reader.string().toString('utf8');
        if (banner.length > maxBannerBytes) throw refused('the target says too much before the sign-in');
        break;
      case message.userauthInfoRequest:
        // PASSWD_CHANGEREQ has the same number.
        if (!prompted) throw refused(`the target wants a new password for ${login.username}`);
        transport.write(answer(reader, login));
        break;
      case message.userauthSuccess:
        return banner;
      case message.userauthFailure: {
        const takes = reader.nameList();
        if (!prompted && onlyByPrompt(takes, login)) {
          prompted = true;
          transport.write(begin(login, 'keyboard-interactive').string('').string('').done());
          break;
        }
        throw refused(
          `the target refused the gateway's own login ${login.username} (it takes ${takes.join(', ')})`,
        );
      }
      default:
        throw refused('the target sent an unexpected message at sign-in');
    }
  }
  throw refused('the target does not come to an end at sign-in');
}

/** A password that was not taken as one is not tried again: accounts are locked for less. */
function onlyByPrompt(takes: readonly string[], { credential }: SshLogin): boolean {
  return (
    credential.kind === 'password' && takes.includes('keyboard-interactive') && !takes.includes('password')
  );
}

function begin({ username }: SshLogin, method: string): SshWriter {
  return new SshWriter(1_024)
    .u8(message.userauthRequest)
    .string(username)
    .string('ssh-connection')
    .string(method);
}

async function request(transport: Transport, login: SshLogin): Promise<Buffer> {
  const { credential } = login;
  if (credential.kind === 'password') {
    return begin(login, 'password').bool(false).string(credential.password).done();
  }
  const { signer, certificate } = credential;
  const type = signer.publicKey.type;
  const algorithm = signer.algorithms[0]!;
  const named = certificate === undefined ? algorithm : `${type}-cert-v01@openssh.com`;
  const unsigned = begin(login, 'publickey')
    .bool(true)
    .string(named)
    .string(certificate ?? signer.publicKey.blob)
    .done();
  const signedData = new SshWriter(64 + unsigned.length).string(transport.sessionId).raw(unsigned).done();
  return new SshWriter(unsigned.length + 128)
    .raw(unsigned)
    .string(await signer.sign(signedData, algorithm))
    .done();
}

/** A host that asks for the password by keyboard-interactive: RFC 4256. */
function answer(reader: SshReader, { credential }: SshLogin): Buffer {
  reader.string();
  reader.string();
  reader.string();
  const prompts = reader.u32();
  if (prompts > 1 || credential.kind !== 'password') {
    throw refused('the target asks at sign-in for what the gateway does not have');
  }
  const writer = new SshWriter(256).u8(message.userauthInfoResponse).u32(prompts);
  if (prompts === 1) writer.string(credential.password);
  return writer.done();
}

function refused(words: string): SallyportError {
  return new SallyportError('targetUnavailable', words);
}

function coded(error: unknown): unknown {
  if (error instanceof SshDataFault) return refused('the target does not speak SSH at sign-in');
  if (error instanceof SallyportError && error.code === 'protocolViolation') {
    return new SallyportError('targetUnavailable', `the target closed the connection: ${error.message}`, {
      cause: error,
    });
  }
  return error;
}
