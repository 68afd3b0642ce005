import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { functionsSql, searchPathSql } from '#gateway/protocols/postgres/questions.ts';
import type { Recording } from './recordings.ts';

/** One statement, as the target wrote it down when it began to run it (`log_statement = all`). */
export interface ExecutedStatement {
  readonly user: string;
  /** Of the target's process, one for each session. */
  readonly pid: number;
  readonly text: string;
}

/** How startPostgres has a server begin its lines: `%m [%p] %u@%d `. */
const line = /^\d{4}-\d\d-\d\d \S+ UTC \[(\d+)\] ([^@]*)@\S* LOG: {2}(?:statement|execute [^:]+): (.*)$/s;

export async function readTargetLog(file: string): Promise<ExecutedStatement[]> {
  // Lines that go on begin with a tab.
  const entries = (await readFile(file, 'utf8')).replaceAll('\n\t', '\u0000').split('\n');
  return entries.flatMap(entry => {
    const [, pid, user, text] = entry.replaceAll('\u0000', '\n').match(line) ?? [];
    return pid !== undefined && user !== undefined && text !== undefined
      ? [{ pid: Number(pid), user, text }]
      : [];
  });
}

/** What the gateway asks for itself, over the client's session; no client said it. */
function isGatewaysOwn(text: string): boolean {
  const question = /^SELECT '[0-9a-f]{24}', (.*)$/.exec(text)?.[1];
  return question === searchPathSql || question === functionsSql || aboutName.test(question ?? '');
}
const aboutName =
  /^statement FROM pg_catalog\.pg_(?:prepared_statements|cursors) WHERE name = '(?:[^']|'')*'$/;

export interface Comparison {
  /** Statements of clients that the target executed. */
  readonly executed: readonly ExecutedStatement[];
  /** Those of them that no recording holds, byte for byte and as a command with their digest. */
  readonly unrecorded: readonly ExecutedStatement[];
}

/** Holds what the target executed for the gateway's login against what the recordings hold. */
export function compare(
  log: readonly ExecutedStatement[],
  user: string,
  recordings: readonly Recording[],
): Comparison {
  const digests = new Set(recordings.flatMap(({ commands }) => commands.map(({ sha256 }) => sha256)));
  const bytes = Buffer.concat(recordings.map(({ clientBytes }) => clientBytes));
  const executed = log.filter(entry => entry.user === user && !isGatewaysOwn(entry.text));
  const unrecorded = executed.filter(({ text }) => {
    const digest = createHash('sha256').update(text).digest('hex');
    return !digests.has(digest) || !bytes.includes(text);
  });
  return { executed, unrecorded };
}
