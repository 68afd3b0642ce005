import type { FilePort, FileStream } from '../sftp/port.ts';
import type { ScpCommand } from './command.ts';
import { ScpFromTarget } from './from-target.ts';
import { ScpToTarget } from './to-target.ts';

export { readScpCommand, type ScpCommand } from './command.ts';

/** What stands in the channel of an exec of `scp -t` or `scp -f`. */
export function scpStream(port: FilePort, command: ScpCommand): FileStream {
  return command.direction === 'to-target'
    ? new ScpToTarget(port, command)
    : new ScpFromTarget(port, command);
}
