/**
 * The folder that holds the state of an embedded stack. One stack at a time uses it; `reset` removes what a
 * stack made and nothing else.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { writePrivateFile } from './files.ts';
import { claimPlace, placeFor, removeForsaken } from './unprivileged.ts';

/** Names in the folder, and what is in each. */
const parts = {
  /** Held while a stack runs. */
  lock: 'lock',
  owner: 'owner.json',
  /** The local authority and the servers' certificates. */
  pki: 'pki',
  /** The identity provider's keys. */
  identity: 'identity',
  /** The AWS stand-ins' state. */
  aws: 'aws',
  /** Access keys of the roles, and the sample target's password. */
  secrets: 'secrets',
  /** The sample PostgreSQL; elsewhere for root in a closed folder, see unprivileged.ts. */
  postgres: 'postgres',
  /** The built gateway. */
  gateway: 'gateway',
  /** Evidence on its way, and at rest. */
  spool: 'spool',
  recordings: 'recordings',
  logs: 'logs',
  /** An access token for each person. */
  people: 'people',
  ready: 'ready.json',
} as const;

/** Another stack uses the folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
  readonly pid: number | undefined;

  constructor(folder: string, pid: number | undefined) {
    super(`${folder} is in use${pid === undefined ? '' : ` by process ${pid}`}`);
    this.pid = pid;
  }
}

export interface DataFolder {
  readonly root: string;
  /** The path of a part. */
  path(part: Exclude<keyof typeof parts, 'lock' | 'owner' | 'postgres'>): string;
  /** Where PostgreSQL's state is. */
  readonly postgres: string;
  /** Removes all state; the lock stays held. */
  reset(): Promise<void>;
  /** Lets the next stack in. */
  release(): void;
}

/**
 * Makes the folder where it is missing, and takes its lock: SQLite's, which the kernel lets go of when the
 * process ends in whatever way.
 *
 * @throws FolderInUse
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const root = resolve(path);
  // Others may pass through, as PostgreSQL under root has to; what is secret inside is closed by itself.
  await mkdir(root, { recursive: true, mode: 0o711 });
  const at = (part: keyof typeof parts) => join(root, parts[part]);
  const lock = takeLock(at('lock'));
  if (lock === undefined) throw new FolderInUse(root, await ownerOf(at('owner')));
  await writePrivateFile(at('owner'), JSON.stringify({ pid: process.pid }));
  const postgres = await placeFor(at('postgres'));
  await removeForsaken();
  if (postgres !== at('postgres')) await claimPlace(postgres, root);
  return {
    root,
    path: at,
    postgres,
    reset: async () => {
      for (const part of Object.keys(parts) as (keyof typeof parts)[]) {
        if (part !== 'lock' && part !== 'owner') await rm(at(part), { recursive: true, force: true });
      }
      await rm(postgres, { recursive: true, force: true });
      if (postgres !== at('postgres')) await claimPlace(postgres, root);
    },
    release: () => lock.close(),
  };
}

function takeLock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return database;
  } catch {
    database.close();
    return undefined;
  }
}

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    const { pid } = JSON.parse(await readFile(path, 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Removes what a stack left in a folder, wherever PostgreSQL's part of it lies. For tests. */
export async function removeDataFolder(path: string): Promise<void> {
  const folder = await openDataFolder(path);
  await folder.reset();
  folder.release();
  await rm(folder.root, { recursive: true, force: true });
  await removeForsaken();
}
