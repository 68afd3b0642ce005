import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoKey, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { people } from '#local/people.ts';
import type { TestStack } from './test-stack.ts';

/** A token that the identity provider's own key has signed, with whatever a test wants wrong in it. */
export async function forgeToken(
  { stack }: Pick<TestStack, 'stack'>,
  changes: JWTPayload = {},
  signedBy?: CryptoKey,
): Promise<string> {
  const key = JSON.parse(
    await readFile(join(stack.ready.paths.data, 'identity', 'issuer-key.json'), 'utf8'),
  ) as JWK;
  const now = Math.floor(Date.now() / 1000);
  const claims: JWTPayload = {
    iss: stack.ready.identity.issuer,
    aud: stack.ready.identity.audience,
    sub: 'dev',
    email: people.dev.email,
    groups: [...people.dev.groups],
    client_id: 'sallyport-cli',
    jti: 'forged',
    iat: now,
    exp: now + 600,
    ...changes,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...(key.kid ? { kid: key.kid } : {}) })
    .sign(signedBy ?? (await importJWK(key, 'RS256')));
}
