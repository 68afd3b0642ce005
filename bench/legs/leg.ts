import type { DebianPostgres } from '../debian-postgres.ts';

/** How a client reaches the target by one of the ways that the bench compares. */
export interface Leg extends AsyncDisposable {
  readonly name: LegName;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A password, or an access token. */
  readonly password: string;
  readonly database: string;
  /** The name by which the same database is reached with TLS towards the server too, where the leg has one. */
  readonly databaseOverTls?: string;
  /** The authority behind the leg's certificate, in PEM, as a file; undefined: the leg has no TLS. */
  readonly ca: string | undefined;
  /** The processes in between; none for the direct legs. */
  readonly pids: readonly number[];
  /** In one line, what it is: program, version, what it does for its CPU time. */
  readonly what: string;
}

export const legNames = [
  'direct',
  'direct-tls',
  'pgbouncer',
  'pgbouncer-tls',
  'haproxy',
  'haproxy-tls',
  'pump',
  'pump-tls',
  'sallyport',
] as const;

export type LegName = (typeof legNames)[number];

export const isLegName = (name: string): name is LegName => (legNames as readonly string[]).includes(name);

/** The server behind all legs. */
export interface Target {
  readonly postgres: DebianPostgres;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Who signed the server's certificate. */
  readonly ca: string;
  /** A certificate for loopback of the same authority, for what stands in between. */
  readonly proxyCertificate: { readonly cert: string; readonly key: string };
}

/** What every leg is made with. */
export interface LegPlaces {
  readonly target: Target;
  /** Temporary, and open for the account that servers run under. */
  readonly folder: string;
  /** Kept from one bench to the next. */
  readonly cache: string;
}

/**
 * libpq's environment for a leg. TLS is named outright on every leg: left to itself libpq turns it on
 * wherever the server has it, and a "direct" leg would quietly pay for it.
 */
export function libpqEnvironment(leg: Leg): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    PGHOST: leg.host,
    PGPORT: String(leg.port),
    PGUSER: leg.user,
    PGPASSWORD: leg.password,
    PGDATABASE: leg.database,
    PGGSSENCMODE: 'disable',
    PGCONNECT_TIMEOUT: '15',
    ...(leg.ca === undefined
      ? { PGSSLMODE: 'disable' }
      : { PGSSLMODE: 'verify-full', PGSSLROOTCERT: leg.ca }),
  };
}
