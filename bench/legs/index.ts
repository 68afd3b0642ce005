import { direct } from './direct.ts';
import { haproxy } from './haproxy.ts';
import type { Leg, LegName, LegPlaces } from './leg.ts';
import { pgbouncer } from './pgbouncer.ts';
import { pump } from './pump.ts';
import { sallyport } from './sallyport.ts';

/** What starts each leg. */
export const startLeg = {
  direct: places => direct(places, false),
  'direct-tls': places => direct(places, true),
  pgbouncer: places => pgbouncer(places, false),
  'pgbouncer-tls': places => pgbouncer(places, true),
  haproxy: places => haproxy(places, false),
  'haproxy-tls': places => haproxy(places, true),
  pump: places => pump(places, false),
  'pump-tls': places => pump(places, true),
  sallyport,
} as const satisfies Record<LegName, (places: LegPlaces) => Promise<Leg>>;
