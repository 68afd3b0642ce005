import { storesOf } from '#functions/environment.ts';
import { makeHandler } from '#functions/policy-lookup/lookup.ts';

const { policy, access } = storesOf(process.env);

export const handler = makeHandler({ policy, access, now: Date.now });
