import { readdir } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { type Recording, readRecordings } from './recordings.ts';

/**
 * Waits until the spool holds nothing of tasks that are gone, and every recording is closed: also those that
 * the dead have left open, which the shipper closes.
 *
 * @param spool of a gateway that runs and has no session
 */
export function whenShipped(spool: string, recordings: string, withinMs = 60_000): Promise<Recording[]> {
  return eventually(
    'everything is shipped and closed',
    async () => {
      const tasks = (await readdir(spool, { withFileTypes: true })).filter(entry => entry.isDirectory());
      if (tasks.length > 1) return undefined;
      const all = await readRecordings(recordings);
      return all.length > 0 && all.every(({ final }) => final) && all;
    },
    withinMs,
  );
}
