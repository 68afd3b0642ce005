import { z } from 'zod';
import { common, type Places, secretName } from './common.ts';

/** A Unix login: what `useradd` takes, and what domain accounts look like (`user@example.org`). */
const login = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/)
  .describe('A login on the host.');

/** One line of OpenSSH's: type, base64, comment. */
const publicKeyLine = z
  .string()
  .max(16_384)
  .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( [^\n]*)?$/, 'must be a key as in a .pub file: ssh-ed25519 AAAA...');

export const sshTarget = z
  .strictObject({
    protocol: z.literal('ssh'),
    ...common,
    secret: secretName
      .optional()
      .describe(
        'Name or ARN of the secret in Secrets Manager: JSON with what is not written here: host, port, username, password or privateKey, hostAuthorities, hostKeys.',
      ),
    login: login
      .optional()
      .describe(
        'The login that is meant when a client names the target alone. Left out: username in the secret.',
      ),
    logins: z
      .array(login)
      .max(1000)
      .default([])
      .describe('Further logins, which a client names as target/login. No others are opened.'),
    signIn: z
      .enum(['certificate', 'secret'])
      .default('certificate')
      .describe(
        "certificate: the gateway's own authority makes one for minutes, which the host trusts (TrustedUserCAKeys). secret: password or privateKey in the secret.",
      ),
    hostAuthorities: z
      .array(publicKeyLine)
      .max(16)
      .default([])
      .describe('Authorities whose host certificates are trusted.'),
    hostKeys: z.array(publicKeyLine).max(16).default([]).describe('Host keys that are trusted.'),
  })
  .describe('An SSH host.');

export type SshTarget = z.output<typeof sshTarget>;

export function sshPlaces({ login, logins }: SshTarget): Places {
  return { word: 'login', own: login ?? '', others: logins };
}
