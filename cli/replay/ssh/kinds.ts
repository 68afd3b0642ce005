import { describe } from '#cli/replay/ssh/describe.ts';

/** A hostile recording has as many as it likes. */
const maxKinds = 6;

/**
 * What an SSH session was used for, each once: `shell`, `exec`, `sftp`, `scp`, `forward` …
 * @param total commands that the session has: where it has more than are given, there may be more kinds
 */
export function kindsOf(commands: readonly object[], total: number): string[] {
  const kinds = new Set<string>();
  for (const command of commands) {
    const { what, text } = describe({ ...command });
    kinds.add(what === 'subsystem' && text !== '' ? text : what);
  }
  const found = [...kinds];
  const more = found.length > maxKinds || total > commands.length;
  return [...found.slice(0, maxKinds), ...(more ? ['…'] : [])];
}
