import { parseArgs } from 'node:util';
import { isLegName, type LegName, legNames } from './legs/leg.ts';

export const groups = ['select-only', 'bulk', 'sessions', 'memory'] as const;
export type Group = (typeof groups)[number];

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly only: readonly Group[];
  readonly legs: readonly LegName[];
  /** Names the files of the result. */
  readonly name: string;
  /** Whether everything runs, so that the chart of the README may show it. */
  readonly whole: boolean;
}

/** Equal footing for what goals compare: TLS and not, and what Node.js costs by itself. */
const defaultLegs: readonly LegName[] = [
  'direct',
  'pgbouncer',
  'pgbouncer-tls',
  'haproxy-tls',
  'pump',
  'pump-tls',
  'sallyport',
];

export const USAGE = `usage: npm run bench -- [options]        PostgreSQL
       npm run bench -- ssh [options]    SSH (ssh --help says more)

pgbench select-only (1, 8 and 32 clients, simple and prepared), a bulk read of 250 MB, and what a session costs:
direct, through others and through Sallyport as shipped, interleaved, on loopback, in one run.

  --rounds N     how often each leg is measured (default 5)
  --seconds N    how long each pgbench run takes (default 3)
  --quick        one round of one second: shows that it works, not how fast it is
  --only A,B     of ${groups.join(', ')} (default: all)
  --legs A,B     of ${legNames.join(', ')}
                 (default: ${defaultLegs.join(', ')})
  --name NAME    the result goes to bench/results/NAME.json (default: latest, or quick)
  --help

A whole run of the default legs takes some 20 minutes on two quiet cores, and also draws docs/bench.svg.`;

/** @throws TypeError that names the option and what it may be */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      legs: { type: 'string' },
      name: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const quick = values.quick;
  const only = values.only?.split(',') ?? [...groups];
  for (const each of only) {
    if (!isGroup(each)) throw new TypeError(`--only has "${each}"; it may have ${groups.join(', ')}`);
  }
  const legs = values.legs?.split(',') ?? [...defaultLegs];
  for (const each of legs) {
    if (!isLegName(each)) throw new TypeError(`--legs has "${each}"; it may have ${legNames.join(', ')}`);
  }
  const name = values.name ?? (quick ? 'quick' : 'latest');
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new TypeError('--name takes letters, digits, dots and hyphens');
  return {
    rounds: whole('--rounds', values.rounds, quick ? 1 : 5, 50),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 3, 60),
    only: only.filter(isGroup),
    // Ratios are to the direct leg, so it always runs.
    legs: legNames.filter(each => each === 'direct' || legs.includes(each)),
    name,
    whole: !quick && values.only === undefined && values.legs === undefined,
  };
}

const isGroup = (name: string): name is Group => (groups as readonly string[]).includes(name);

function whole(option: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new TypeError(`${option} takes a whole number from 1 to ${most}, not "${text}"`);
}
