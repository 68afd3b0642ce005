import type { Protocol, ProtocolMaker } from '#gateway/protocols/protocol.ts';
import type { SshTarget } from '#lib/policy/config/targets/ssh.ts';
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
      facts: { cryptography },
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
