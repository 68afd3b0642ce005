import type { Mistake } from '#lib/policy/config/mistake.ts';
import { positionAt } from '#lib/policy/config/text-position.ts';

const shapes: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g },
  { what: 'an AWS access key', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { what: 'a password in a URL', pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:[^\s/@]+@/gi },
];

/**
 * Secrets that somebody wrote into a file of the configuration, told by their form. The configuration is reviewed,
 * copied and published: what is in it is no secret. Known limit: a password that stands alone has no form.
 */
export function findSecrets(file: string, text: string): Mistake[] {
  return shapes.flatMap(({ what, pattern }) =>
    [...text.matchAll(pattern)].map(match => ({
      file,
      ...positionAt(text, match.index),
      message: `This is ${what}: secrets are never in the configuration. Put it in Secrets Manager, change it since it was written down here, and name the secret under "secret".`,
    })),
  );
}
