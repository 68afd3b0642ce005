/**
 * Running a server that refuses root. As an ordinary user it just runs. As root it runs as an unprivileged
 * user id, and what it reads and writes must then lie where that user can get to.
 */
import { createHash } from 'node:crypto';
import { chown, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** The id of `nobody` on every Linux; no entry in the user database is needed. Undefined: run as oneself. */
export const unprivileged: RunAs | undefined =
  process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

/** Where state goes, as root, whose own place lies under a folder that is closed to others (such as /root). */
export const openPlace = '/var/lib/sallyport';

/**
 * The folder for a server's state: the wanted one, or, where the unprivileged user cannot get there, one under
 * {@link openPlace} that follows from it by name, so that the next start finds it again.
 */
export async function placeFor(wanted: string): Promise<string> {
  if (unprivileged === undefined || (await reachable(wanted))) return wanted;
  const name = createHash('sha256').update(resolve(wanted)).digest('hex').slice(0, 16);
  return join(openPlace, name);
}

/** In a place under {@link openPlace}: whose it is. */
const ownerFile = 'belongs-to';

/** Notes that a place holds the state of `folder`. */
export async function claimPlace(place: string, folder: string): Promise<void> {
  await mkdir(place, { recursive: true, mode: 0o711 });
  await writeFile(join(place, ownerFile), folder, { mode: 0o600 });
}

/** Removes places whose folder is gone: whoever removed it could not know of them. */
export async function removeForsaken(): Promise<void> {
  if (unprivileged === undefined) return;
  for (const name of await readdir(openPlace).catch(() => [])) {
    const place = join(openPlace, name);
    const owner = await readFile(join(place, ownerFile), 'utf8').catch(() => undefined);
    if (owner === undefined || (await stat(owner).catch(() => undefined)) !== undefined) continue;
    await rm(place, { recursive: true, force: true });
  }
}

/** Whether others may pass through every folder down to `path` that exists already. */
export async function reachable(path: string): Promise<boolean> {
  const existing = await nearestExisting(resolve(path));
  for (let folder = await realpath(existing); ; folder = dirname(folder)) {
    const state = await stat(folder);
    if (state.isDirectory() && (state.mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function nearestExisting(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((await stat(folder).catch(() => undefined)) !== undefined) return folder;
  }
}

/** Makes a folder that belongs to the one the server runs as, and only to that one. */
export async function makeOwned(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await giveAway(folder);
}

export async function giveAway(path: string): Promise<void> {
  if (unprivileged !== undefined) await chown(path, unprivileged.uid, unprivileged.gid);
}
