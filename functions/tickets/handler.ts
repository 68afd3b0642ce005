import { randomBytes } from 'node:crypto';
import { makeAuthorize } from '#functions/authorize.ts';
import { storesOf } from '#functions/environment.ts';
import { makeHandler } from '#functions/tickets/tickets.ts';

const { policy, access } = storesOf(process.env);
const now = Date.now;

export const handler = makeHandler({
  access,
  policy,
  authorize: makeAuthorize({ policy, access, now }),
  now,
  random: randomBytes,
});
