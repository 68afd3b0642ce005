/**
 * Notices that the configuration folder has changed, whatever changed it: a save in place or by rename, git, `rm`.
 *
 * It looks, again and again, instead of asking the system to be told: what Node.js watches is the file that had a
 * name, which is forgotten with the first save by rename, and a watch ends for good at one file that it may not
 * read. A look is a `stat` of a dozen files.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Two looks that find the same mean that whoever writes is done: editors and git do so in several steps. */
const defaultEveryMs = 300;

/**
 * Runs `take` for the folder as it is at first, and after each change once it has settled.
 *
 * @param take whether that is done with; false: it is tried again at the next look. Must not throw.
 * @returns ends it, after a `take` that runs
 */
export function watchConfig(
  folder: string,
  take: () => Promise<boolean>,
  everyMs = defaultEveryMs,
): () => Promise<void> {
  const ending = new AbortController();
  const look = async () => {
    let before: string | undefined;
    let taken: string | undefined;
    while (!ending.signal.aborted) {
      // Before it is read: what changes in between is found by the next look.
      const now = await fingerprint(folder);
      if (now === before && now !== taken && (await take())) taken = now;
      before = now;
      await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => {});
    }
  };
  const looking = look();
  return async () => {
    ending.abort();
    await looking;
  };
}

/**
 * What tells one state of the files that make the configuration from another. The time of the last change of an
 * inode (ctime) is one that no program can set, so that an old file put back under its old name and time shows.
 */
async function fingerprint(folder: string): Promise<string> {
  const [top, policies] = await Promise.all([
    files(folder, /\.(yaml|pem)$/),
    files(join(folder, 'policies'), /\.cedar$/),
  ]);
  return [...top, ...policies].join('\n');
}

async function files(folder: string, part: RegExp): Promise<readonly string[]> {
  try {
    const names = (await readdir(folder)).filter(name => part.test(name)).sort();
    return await Promise.all(names.map(name => stateOf(join(folder, name))));
  } catch (error) {
    return [`${folder} ${(error as NodeJS.ErrnoException).code}`];
  }
}

async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [path, dev, ino, size, mode, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return `${path} ${(error as NodeJS.ErrnoException).code}`;
  }
}
