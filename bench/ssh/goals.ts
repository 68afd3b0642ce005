import type { Goal } from '../goals.ts';
import { echoLoads } from './workloads/echo.ts';
import { transferLoads } from './workloads/transfer.ts';

/** What Sallyport as shipped aims at for SSH, against a direct connection in the same run on the same machine. */
export const sshGoals: readonly Goal[] = [
  ...transferLoads.map(
    (load): Goal => ({
      what: `rate, ${load}`,
      unit: 'of direct',
      want: 'at least',
      figure: summary => summary.ratio('bulkRate', load, 'sallyport'),
      limit: () => 0.85,
    }),
  ),
  ...echoLoads.map(
    (load): Goal => ({
      what: `added p50, ${load}`,
      unit: 'us',
      want: 'at most',
      figure: summary => summary.added('p50', load, 'sallyport'),
      limit: () => 200,
    }),
  ),
];
