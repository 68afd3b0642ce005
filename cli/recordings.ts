import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { defaultReadyFile } from '#cli/connection.ts';
import { Failure } from '#cli/failure.ts';
import type { Io } from '#cli/io.ts';
import { UsageError } from '#cli/usage-error.ts';

export interface RecordingsOptions {
  readonly recordings?: string;
  readonly readyFile?: string;
}

const readyShape = z.object({ paths: z.object({ recordings: z.string() }) });
const id = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Gives a verb the option that says where the recordings are. */
export function withRecordings(command: Command): Command {
  return command.addOption(
    new Option(
      '--recordings <folder>',
      'where the recordings are (default: where the ready file says, else .sallyport/recordings)',
    ).env('SALLYPORT_RECORDINGS_DIR'),
  );
}

/** The option, else what the ready file says, else the folder in its usual place. */
export async function findRecordings(options: RecordingsOptions, io: Pick<Io, 'readFile'>): Promise<string> {
  if (options.recordings !== undefined) return options.recordings;
  const file = options.readyFile ?? defaultReadyFile;
  const usual = join(dirname(defaultReadyFile), 'recordings');
  try {
    const ready = readyShape.safeParse(JSON.parse(await io.readFile(file)));
    return ready.success ? ready.data.paths.recordings : usual;
  } catch {
    // Nothing runs: recordings are there all the same.
    return usual;
  }
}

/** Ids of all recordings. Throws {@link UsageError} when there is no such folder. */
export async function listRecordings(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(name => id.test(name)).sort();
  } catch {
    throw new UsageError(`There are no recordings in ${folder}: name their folder with --recordings.`);
  }
}

/** The one id that begins so. Throws {@link Failure} when there is none, {@link UsageError} when there are several. */
export function findId(ids: readonly string[], prefix: string): string {
  const found = ids.filter(candidate => candidate.startsWith(prefix.toLowerCase()));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new Failure(`No recording's id begins with ${JSON.stringify(prefix)}.`);
  const some = found.slice(0, 3).join(', ');
  throw new UsageError(`${found.length} recordings begin with ${JSON.stringify(prefix)}: ${some}, …`);
}

/** Leading characters that tell every one of `ids` from the others, eight at least. */
export function shortLength(ids: readonly string[]): number {
  const sorted = [...ids].sort();
  let length = 8;
  for (let index = 1; index < sorted.length; index++) {
    const [a, b] = [sorted[index - 1]!, sorted[index]!];
    while (length < a.length && a.slice(0, length) === b.slice(0, length)) length++;
  }
  return length;
}
