import { makeAuthorize } from '#functions/authorize.ts';
import { storesOf } from '#functions/environment.ts';
import { makeHandler } from '#functions/sessions/sessions.ts';

const { policy, access, sessions } = storesOf(process.env);
const now = Date.now;

export const handler = makeHandler({ sessions, authorize: makeAuthorize({ policy, access, now }), now });
