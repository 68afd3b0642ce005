import type { ScpLegacy } from '#lib/ssh/shell/transfer-line.ts';
import type { FilePort, FileStream } from '../sftp/port.ts';
import { ScpFromTarget } from './from-target.ts';
import { ScpToTarget } from './to-target.ts';

/** What stands in the channel of an exec of `scp -t` or `scp -f`, by what its command line says. */
export function scpStream(port: FilePort, command: ScpLegacy): FileStream {
  return command.direction === 'to' ? new ScpToTarget(port, command) : new ScpFromTarget(port, command);
}
