import { readCommandLine } from '#lib/ssh/shell/command-line.ts';
import type { ScpLegacy } from '#lib/ssh/shell/transfer-line.ts';

/** What the gateway reads out of the command line of an exec. Throws where it is no scp. */
export function scpLine(line: string): ScpLegacy {
  const { scpLegacy } = readCommandLine(Buffer.from(line));
  if (scpLegacy === undefined) throw new Error(`no scp: ${line}`);
  return scpLegacy;
}
