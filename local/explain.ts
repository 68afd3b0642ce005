/** Errors of a start, in one line with the way out. */
import { ConfigMistakes, ConfigUnreadable } from './config-publisher.ts';
import { FolderInUse } from './data-folder.ts';
import { GatewayFailed } from './gateway-process.ts';
import type { StartOptions } from './options.ts';
import { PostgresUnavailable } from './postgres-binaries.ts';
import { quote } from './screen.ts';
import { PortTaken } from './stack-ports.ts';

/** @returns lines; the last one says what to do */
export function explain(error: unknown, options: StartOptions): readonly string[] {
  const otherBase = options.portBase + 1000 > 60_000 ? 15_400 : options.portBase + 1000;
  const otherPorts = `--port-base ${otherBase}`;
  if (error instanceof FolderInUse) {
    return [
      `${error.message}: stop that one, or start a second one: npm start -- --data-dir ${options.dataDir}-2 ${otherPorts}`,
    ];
  }
  if (error instanceof PortTaken) {
    return [`${error.message}: choose other ports, for example: npm start -- ${otherPorts}`];
  }
  if (error instanceof ConfigMistakes) {
    const check =
      options.config === undefined
        ? 'npm run -s check-config'
        : `npm run -s check-config -- --config ${quote(options.config)}`;
    return [...error.mistakes, `${error.message}: correct it and start again (${check} shows the same)`];
  }
  if (
    error instanceof ConfigUnreadable ||
    error instanceof PostgresUnavailable ||
    error instanceof GatewayFailed
  ) {
    return [error.message];
  }
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return [`${path ?? options.dataDir} may not be written: choose another place with --data-dir`];
  }
  if (code === 'ENOSPC') return [`the disk is full (${path ?? options.dataDir}): about 200 MB are needed`];
  return [message];
}
