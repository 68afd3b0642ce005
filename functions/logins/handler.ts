import { randomBytes } from 'node:crypto';
import { storesOf } from '#functions/environment.ts';
import { identityOf } from '#functions/identity-environment.ts';
import { makeHandler } from '#functions/logins/logins.ts';

const { logins } = storesOf(process.env);
const { provider, verify, scopes } = identityOf(process.env);

export const handler = makeHandler({ logins, provider, verify, scopes, now: Date.now, random: randomBytes });
