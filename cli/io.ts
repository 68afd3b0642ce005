import { readFile } from 'node:fs/promises';

/** What a verb touches of the world, so that a test can stand in for it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof fetch;
  /** Throws as `node:fs` does. */
  readonly readFile: (path: string) => Promise<string>;
  /** What the verb is asked for; ends in a line break. */
  readonly out: (text: string) => void;
  /** What a person may want to know beside it. */
  readonly err: (text: string) => void;
}

export const processIo: Io = {
  env: process.env,
  fetch,
  readFile: path => readFile(path, 'utf8'),
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
};
