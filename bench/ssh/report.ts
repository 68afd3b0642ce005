import type { Judgement } from '../goals.ts';
import type { Summary } from '../summary.ts';
import { blocks, goalLines, joined } from '../table.ts';
import { echoLoads } from './workloads/echo.ts';
import { smallFileLoads } from './workloads/small-files.ts';
import { transferLoads } from './workloads/transfer.ts';

/** Everything that a run found, as text for a terminal. */
export function sshReport(summary: Summary, judgements: readonly Judgement[]): string {
  const { block, plain } = blocks(summary);
  return joined([
    block('Large file, ratio to direct', 2, transferLoads, (load, leg) =>
      summary.ratio('bulkRate', load, leg),
    ),
    block('Large file, MB/s', 0, transferLoads, plain('bulkRate')),
    block('CPU per MB in between, ms', 2, transferLoads, plain('cpuPerMegabyte')),
    block('The gateway without its shipper, ms', 2, transferLoads, plain('gatewayCpuPerMegabyte')),
    block('Small files, ratio to direct', 2, smallFileLoads, (load, leg) =>
      summary.ratio('fileRate', load, leg),
    ),
    block('Small files, files/s', 0, smallFileLoads, plain('fileRate')),
    block('CPU per small file in between, us', 0, smallFileLoads, plain('cpuPerFile')),
    block('Echo p50, us', 0, echoLoads, plain('p50')),
    block('Echo p99, us', 0, echoLoads, plain('p99')),
    block('Echo, added p50, us', 0, echoLoads, (load, leg) => summary.added('p50', load, leg)),
    block('CPU per echo in between, us', 0, echoLoads, plain('cpuPerEcho')),
    block('Session set-up, ms', 1, ['set-up'], plain('sessionTime')),
    block('Session set-up, ms of CPU in between', 1, ['set-up'], plain('sessionCpu')),
    goalLines(judgements),
  ]);
}
