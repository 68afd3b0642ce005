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
  /** The gateway's SSH host keys, what people and benchmarks need to reach the SSH host, and its authority. */
  ssh: 'ssh',
  /** The sample SSH host; elsewhere for root in a closed folder, as PostgreSQL. */
  sshHost: 'ssh-host',
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

/** Parts whose servers run as somebody else under root. */
const placed = ['postgres', 'sshHost'] as const satisfies readonly (keyof typeof parts)[];
type Placed = (typeof placed)[number];

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
  path(part: Exclude<keyof typeof parts, 'lock' | 'owner' | Placed>): string;
  /** Where PostgreSQL's state is. */
  readonly postgres: string;
  /** Where the sample SSH host's is. */
  readonly sshHost: string;
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
  const places = { postgres: await placeFor(at('postgres')), sshHost: await placeFor(at('sshHost')) };
  const claim = async () => {
    for (const part of placed) if (places[part] !== at(part)) await claimPlace(places[part], root);
  };
  await removeForsaken();
  await claim();
  return {
    root,
    path: at,
    ...places,
    reset: async () => {
      for (const part of Object.keys(parts) as (keyof typeof parts)[]) {
        if (part !== 'lock' && part !== 'owner') await rm(at(part), { recursive: true, force: true });
      }
      for (const part of placed) await rm(places[part], { recursive: true, force: true });
      await claim();
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
