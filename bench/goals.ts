import type { Summary } from './summary.ts';
import { selectOnlyLoad } from './workloads/select-only.ts';

/**
 * What Sallyport as shipped (TLS on the client's leg, policy, recording at `local`) aims at, against the best
 * peer in the same run on the same machine. A goal that a run cannot judge says why.
 */
export interface Goal {
  readonly what: string;
  readonly unit: string;
  /** Whether the figure is to be at least or at most the limit. */
  readonly want: 'at least' | 'at most';
  readonly figure: (summary: Summary) => number | undefined;
  /** May depend on what a peer did in the same run. */
  readonly limit: (summary: Summary) => number | undefined;
}

/** A goal that nothing measures yet. */
export interface OpenGoal {
  readonly what: string;
  readonly why: string;
}

const throughput = (mode: string, clients: number): Pick<Goal, 'what' | 'unit' | 'want' | 'figure'> => {
  const load = selectOnlyLoad(mode, clients);
  return {
    what: `throughput, ${load}`,
    unit: 'of direct',
    want: 'at least',
    figure: summary => summary.ratio('throughput', load, 'sallyport'),
  };
};

const times = (factor: number, value: number | undefined) =>
  value === undefined ? undefined : factor * value;

const perMode = (mode: 'simple' | 'prepared'): Goal[] => {
  const one = selectOnlyLoad(mode, 1);
  const eight = selectOnlyLoad(mode, 8);
  const cpu = {
    unit: 'us',
    want: 'at most',
    figure: (summary: Summary) => summary.value('cpuPerStatement', eight, 'sallyport'),
  } as const;
  return [
    { ...throughput(mode, 8), limit: () => 0.75 },
    {
      ...throughput(mode, 8),
      what: `throughput, ${eight}, against HAProxy with TLS`,
      limit: summary => summary.ratio('throughput', eight, 'haproxy-tls'),
    },
    { ...throughput(mode, 1), limit: () => 0.5 },
    {
      what: `added p50, ${one}, against 1.5 x PgBouncer's`,
      unit: 'us',
      want: 'at most',
      figure: summary => summary.added('p50', one, 'sallyport'),
      limit: summary => times(1.5, summary.added('p50', one, 'pgbouncer')),
    },
    {
      ...cpu,
      what: `CPU per statement, ${eight}, against 2 x PgBouncer's`,
      limit: summary => times(2, summary.value('cpuPerStatement', eight, 'pgbouncer')),
    },
    {
      ...cpu,
      what: `CPU per statement, ${eight}, against 1.3 x a bare Node.js pump's`,
      limit: summary => times(1.3, summary.value('cpuPerStatement', eight, 'pump')),
    },
  ];
};

const bulkRead = (load: 'SELECT' | 'COPY'): Goal => ({
  what: `bulk read by ${load}, with recording`,
  unit: 'of direct',
  want: 'at least',
  figure: summary => summary.ratio('bulkRate', load, 'sallyport'),
  limit: () => 0.75,
});

const memoryAboveBase = (load: string): Goal => ({
  what: `memory above base, ${load}`,
  unit: 'MiB',
  want: 'at most',
  figure: summary => summary.value('memoryGrowth', load, 'sallyport'),
  limit: () => 64,
});

export const goals: readonly Goal[] = [
  ...perMode('simple'),
  ...perMode('prepared'),
  bulkRead('SELECT'),
  bulkRead('COPY'),
  {
    what: 'idle session, TLS on both legs',
    unit: 'KiB',
    want: 'at most',
    figure: summary => summary.value('sessionMemory', 'idle', 'sallyport'),
    limit: () => 96,
  },
  {
    what: 'CPU to set a session up',
    unit: 'ms',
    want: 'at most',
    figure: summary => summary.value('sessionCpu', 'set-up', 'sallyport'),
    limit: () => 8,
  },
  memoryAboveBase('one value of 1 GB'),
  memoryAboveBase('stalled reader'),
];

export const openGoals: readonly OpenGoal[] = [
  { what: 'bulk read with one masked column in eight: 0.65 of direct', why: 'there is no masking yet' },
  { what: 'bulk read with detectors on text: 0.55 of direct', why: 'there is no masking yet' },
  { what: 'masking a result with nothing to mask: within noise', why: 'there is no masking yet' },
  { what: '`strict`: one store answer + 1 ms', why: 'there is no `strict` yet' },
  { what: '`local` with fsync, 64 sessions: + 0.5 ms, 20,000 records/s', why: 'the bench has no leg for it' },
  {
    what: '100 M rows: memory above base 64 MiB',
    why: 'takes minutes; the bulk read of this bench has 0.75 M',
  },
];

export interface Judgement {
  readonly what: string;
  readonly unit: string;
  readonly want: Goal['want'];
  readonly figure: number | null;
  readonly limit: number | null;
  readonly verdict: 'reached' | 'not reached' | 'not measured';
}

/** Holds a run against every goal. */
export function judge(summary: Summary, all: readonly Goal[] = goals): Judgement[] {
  return all.map(goal => {
    const figure = goal.figure(summary) ?? null;
    const limit = goal.limit(summary) ?? null;
    const { what, unit, want } = goal;
    if (figure === null || limit === null)
      return { what, unit, want, figure, limit, verdict: 'not measured' };
    const reached = want === 'at least' ? figure >= limit : figure <= limit;
    return { what, unit, want, figure, limit, verdict: reached ? 'reached' : 'not reached' };
  });
}
