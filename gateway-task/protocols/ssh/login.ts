import { z } from 'zod';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { secretText } from '#lib/aws/secret-value.ts';
import { SallyportError } from '#lib/errors.ts';
import type { SshTarget } from '#lib/policy/config/targets/ssh.ts';
import { readPrivateKey, type SshSigner } from '#lib/ssh/private-key.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';
import { readKeyLines } from './host-keys.ts';
import type { UserAuthority } from './user-authority.ts';

/** What the gateway signs in with at an SSH host. Lives in memory only while it is used. */
export interface SshLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly credential:
    | { readonly kind: 'key'; readonly signer: SshSigner; readonly certificate: Buffer | undefined }
    | { readonly kind: 'password'; readonly password: string };
  readonly hostAuthorities: readonly SshPublicKey[];
  readonly hostKeys: readonly SshPublicKey[];
}

const keyLines = z.array(z.string().max(16_384)).max(16).default([]);

/** The secret of an SSH host: whatever targets.yaml does not say. */
const sshSecret = z.object({
  host: z.string().min(1).max(253).optional(),
  port: z.coerce.number().int().min(1).max(65_535).optional(),
  username: z.string().min(1).max(64).optional(),
  password: secretText(4_096).optional(),
  privateKey: secretText(65_536).optional(),
  hostAuthorities: keyLines,
  hostKeys: keyLines,
});

type SshSecret = z.output<typeof sshSecret>;

const nothing: SshSecret = { hostAuthorities: [], hostKeys: [] };

/** Fetches or makes what it takes to get in. Rejects with coded errors only. */
export async function loginOf(
  grant: Grant<SshTarget>,
  authority: UserAuthority | undefined,
): Promise<SshLogin> {
  const { config } = grant;
  const secret = config.secret === undefined ? nothing : await grant.secret(config.secret, sshSecret);
  const host = config.host ?? secret.host;
  const port = config.port ?? secret.port ?? 22;
  const username = grant.place || secret.username;
  if (host === undefined || username === undefined) {
    throw new SallyportError('targetUnavailable', 'neither targets.yaml nor the secret names host and login');
  }
  return {
    host,
    port,
    username,
    credential: await credentialOf(grant, secret, username, authority),
    ...trustOf(config, secret),
  };
}

async function credentialOf(
  grant: Grant<SshTarget>,
  secret: SshSecret,
  username: string,
  authority: UserAuthority | undefined,
): Promise<SshLogin['credential']> {
  if (grant.config.signIn === 'certificate') {
    if (authority) return { kind: 'key', ...(await authority.certify(grant, username)) };
    throw new SallyportError(
      'targetUnavailable',
      'this gateway has no authority to make a certificate with',
      {
        hint: 'Set SALLYPORT_SSH_USER_CA, or signIn: secret for this target.',
      },
    );
  }
  if (secret.privateKey) {
    return { kind: 'key', signer: readSecretKey(secret.privateKey.reveal()), certificate: undefined };
  }
  if (secret.password) return { kind: 'password', password: secret.password.reveal() };
  throw new SallyportError(
    'targetUnavailable',
    'the secret of the target has neither privateKey nor password',
  );
}

function readSecretKey(pem: string): SshSigner {
  try {
    return readPrivateKey(pem);
  } catch (cause) {
    throw new SallyportError(
      'targetUnavailable',
      'the privateKey in the secret of the target cannot be read',
      { cause },
    );
  }
}

function trustOf(config: SshTarget, secret: SshSecret): Pick<SshLogin, 'hostAuthorities' | 'hostKeys'> {
  try {
    return {
      hostAuthorities: readKeyLines([...config.hostAuthorities, ...secret.hostAuthorities]),
      hostKeys: readKeyLines([...config.hostKeys, ...secret.hostKeys]),
    };
  } catch (cause) {
    throw new SallyportError(
      'targetUnavailable',
      'a host key or host authority of the target cannot be read',
      { cause },
    );
  }
}
