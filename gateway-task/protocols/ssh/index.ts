import type { Protocol, ProtocolMaker } from '#gateway/protocols/protocol.ts';
import type { SshTarget } from '#lib/policy/config/targets/ssh.ts';
import { publicKeyLine } from '#lib/ssh/key-line.ts';
import { dial, type SshLeg } from './dial.ts';
import type { SshSettings } from './environment.ts';
import { greet, greeted, type SshHello } from './greet.ts';
import { loadHostKeys } from './host-keys.ts';
import { disconnectReasonOf, words } from './refusal.ts';
import { SshRelay } from './relay.ts';
import { TrustedAuthorities } from './trusted-authorities.ts';
import { UserAuthority } from './user-authority.ts';
import { userauthBanner } from './wire/messages.ts';
import { cryptography } from './wire/native.ts';

export const ssh: ProtocolMaker<SshSettings> = {
  async make(settings): Promise<Protocol<SshHello, SshLeg, SshTarget>> {
    const hostKeys = await loadHostKeys(settings.hostKeysDir);
    const trusted = await TrustedAuthorities.load(settings.trustedUserCas);
    const authority = settings.userCa === undefined ? undefined : UserAuthority.inKms(settings.userCa);
    return {
      name: 'ssh',
      facts: { cryptography, ...(authority && { userAuthority: await lineOf(authority) }) },
      greet: (connection, reception) => greet(connection, reception, hostKeys, trusted),
      dial: (grant, _hello, deadline) => dial(grant, authority, deadline),
      relay: (connection, hello, leg, gate, inner) =>
        new SshRelay(connection, hello.transport, leg, gate, inner),
      refuse(connection, reason) {
        const transport = greeted.get(connection);
        if (!transport) {
          connection.socket.end();
          return;
        }
        transport.write(userauthBanner(`${words(reason)}\r\n`));
        transport.disconnect(disconnectReasonOf(reason), words(reason));
      },
    };
  },
};

/** What a host needs in its TrustedUserCAKeys, for whoever sets one up. */
async function lineOf(authority: UserAuthority): Promise<string> {
  try {
    return publicKeyLine(await authority.publicKey(), 'sallyport');
  } catch {
    // It is asked again at the first sign-in, which fails with its reason if there is still no answer.
    return 'unknown: KMS did not answer';
  }
}
