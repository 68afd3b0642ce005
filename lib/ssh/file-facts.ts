import { hash } from 'node:crypto';
import type { Command, CommandFacts } from '#lib/command.ts';

const readers = new Set(['sftp:read', 'sftp:list', 'sftp:stat']);
const maxKept = 256;

/**
 * The facts of commands on files. Those that come again are the same object, so that what was decided of them
 * need not be decided again.
 */
export class FileFacts {
  readonly #kept = new Map<string, CommandFacts>();

  /**
   * @param actions Cedar actions, each on all of `objects`
   * @param objects paths as text, in any order
   */
  of(actions: readonly string[], objects: readonly string[]): CommandFacts {
    // A path holds no zero byte.
    const key = `${actions.join(' ')}\0${objects.join('\0')}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const sorted = [...new Set(objects)].sort();
    const facts: CommandFacts = {
      protocol: 'ssh',
      verb: actions.join('; '),
      operations: actions.map(action => ({ action, objects: sorted })),
      functions: [],
      risk: {
        writes: actions.some(action => !readers.has(action)),
        ddl: false,
        noWhere: false,
        statements: 1,
        opaque: actions.includes('sftp:unknown'),
        unknownCode: false,
      },
    };
    if (this.#kept.size >= maxKept) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, facts);
    return facts;
  }
}

/** One request: its digest is that of the packet or line, as it came. */
export function commandOf(facts: CommandFacts, bytes: Buffer): Command {
  return { facts, digest: hash('sha256', bytes, 'hex'), bytes: bytes.length, byAction: true };
}
