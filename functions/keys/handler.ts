import { makeAuthorize } from '#functions/authorize.ts';
import { storesOf } from '#functions/environment.ts';
import { identityOf } from '#functions/identity-environment.ts';
import { makeHandler } from '#functions/keys/keys.ts';

const { policy, access, logins, keys } = storesOf(process.env);
const { provider, verify, keyMaxAgeMs, keyCheckMs } = identityOf(process.env);
const now = Date.now;

export const handler = makeHandler({
  keys,
  logins,
  provider,
  verify,
  authorize: makeAuthorize({ policy, access, now }),
  maxAgeMs: keyMaxAgeMs,
  checkMs: keyCheckMs,
  now,
});
