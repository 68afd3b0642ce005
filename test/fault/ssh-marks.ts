import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recording } from '../integration/support/recordings.ts';
import { executedFile, type Way, writtenPrefix } from './ssh-writers.ts';

/** What the target has done, as it wrote down itself. */
export interface Mark {
  readonly way: Way;
  readonly name: string;
}

export async function marksAt(place: string): Promise<Mark[]> {
  const names = await readdir(place);
  const files = names.filter(name => name === executedFile || name.startsWith(writtenPrefix));
  const texts = await Promise.all(files.map(name => readFile(join(place, name), 'latin1')));
  return texts.flatMap(text =>
    [...text.matchAll(/^(exec|sftp|terminal|pipe) ([0-9a-f]{16})$/gm)].map(([, way, name]) => ({
      way: way as Way,
      name: name!,
    })),
  );
}

/** Those that no recording has: a command line as a command, what was written or typed as the client's bytes. */
export function unrecorded(marks: readonly Mark[], recordings: readonly Recording[]): Mark[] {
  const commands = new Set(
    recordings.flatMap(({ commands }) =>
      commands.flatMap(command => /echo exec ([0-9a-f]{16})/.exec(JSON.stringify(command))?.[1] ?? []),
    ),
  );
  const bytes = recordings.map(({ clientBytes }) => clientBytes.toString('latin1')).join('\n');
  const said = new Set([...bytes.matchAll(/(?:sftp|terminal|pipe) ([0-9a-f]{16})/g)].map(([, name]) => name));
  return marks.filter(({ way, name }) => !(way === 'exec' ? commands : said).has(name));
}
