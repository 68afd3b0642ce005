import type { Io } from '#cli/io.ts';
import { line } from '#cli/terminal-safe.ts';
import type { EvidenceFault } from '#lib/evidence/fault.ts';

/** Says that a recording does not hold, and where; the program's exit code is 1 then. */
export function reportFaults(faults: readonly EvidenceFault[], io: Io): void {
  for (const { kind, message, place } of faults) {
    process.exitCode = 1;
    io.err(`FAULT ${kind}: ${line(message)} ${line(JSON.stringify(place))}\n`);
  }
}
