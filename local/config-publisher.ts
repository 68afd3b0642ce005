/**
 * Brings the configuration folder to the policy table, as a deployment's pipeline does: the whole of it, checked,
 * as one immutable snapshot. While the stack runs, every valid change follows; of an invalid one all mistakes are
 * told, and what was in force stays so.
 */
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyStore } from '#lib/aws/policy-store.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { formatMistake } from '#lib/policy/config/mistake.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';
import { watchConfig } from './config-watch.ts';

/** The configuration is wrong: every mistake, with file and line. */
export class ConfigMistakes extends Error {
  override readonly name = 'ConfigMistakes';
  readonly mistakes: readonly string[];

  constructor(folder: string, mistakes: readonly string[]) {
    super(`${folder} has ${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}`);
    this.mistakes = mistakes;
  }
}

/** The configuration is not there, or is closed to this process; what it says is unknown. */
export class ConfigUnreadable extends Error {
  override readonly name = 'ConfigUnreadable';
}

/** The configuration folder as a snapshot. @throws ConfigMistakes, ConfigUnreadable */
export function readConfig(folder: string): Snapshot {
  requireReadable(folder);
  const { snapshot, mistakes } = loadConfig(folder);
  if (snapshot !== undefined) return snapshot;
  throw new ConfigMistakes(
    folder,
    mistakes.map(mistake => formatMistake(folder, mistake)),
  );
}

/** A file that is missing is a mistake like others; without the folder all of them would be. */
function requireReadable(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (name.endsWith('.yaml') || name === 'policies') accessSync(join(folder, name), constants.R_OK);
    }
  } catch (error) {
    const { code, path = folder } = error as NodeJS.ErrnoException;
    // A file that went in between is one that is missing.
    if (code === 'ENOENT' && path !== folder) return;
    if (code === 'ENOENT') throw new ConfigUnreadable(`there is no folder ${folder}`);
    if (code === 'ENOTDIR') throw new ConfigUnreadable(`${folder} is no folder`);
    throw new ConfigUnreadable(`${path} cannot be read (${code})`);
  }
}

export interface Published {
  /** The version in force. */
  readonly version: string;
  /** It was another one before. */
  readonly changed: boolean;
}

export class ConfigPublisher {
  readonly #folder: string;
  readonly #store: Pick<PolicyStore, 'publish'>;
  #publishing: Promise<unknown> = Promise.resolve();
  /** What was told last of a folder that is not in force; empty: it is. */
  #trouble = '';
  #endWatch = async () => {};

  constructor(folder: string, store: Pick<PolicyStore, 'publish'>) {
    this.#folder = folder;
    this.#store = store;
  }

  /**
   * Publishes what the folder says now.
   *
   * @throws ConfigMistakes, ConfigUnreadable, or the store's error
   */
  publish(): Promise<Published> {
    // One after the other: the watch must not take a caller's change for somebody else's.
    const published = this.#publishing.then(() => this.#publish());
    this.#publishing = published.catch(() => {});
    return published;
  }

  /** Follows the folder from now on. `say` gets a line for each new version and each mistake. */
  follow(say: (line: string) => void, everyMs?: number): void {
    this.#endWatch = watchConfig(this.#folder, () => this.#take(say), everyMs);
  }

  async stop(): Promise<void> {
    await this.#endWatch();
    await this.#publishing;
  }

  async #publish(): Promise<Published> {
    const snapshot = readConfig(this.#folder);
    const { outcome } = await this.#store.publish(snapshot, { publishedBy: 'embedded stack' });
    if (outcome === 'conflict') throw new Error('somebody else published a policy at the same moment');
    return { version: snapshot.version, changed: outcome === 'published' };
  }

  /** @returns false when the same folder may be published later */
  async #take(say: (line: string) => void): Promise<boolean> {
    try {
      const { version, changed } = await this.publish();
      const short = shortVersion(version);
      if (changed) say(`configuration ${short} is published; the gateway takes it within seconds`);
      else if (this.#trouble !== '') say(`the configuration holds again; ${short} is in force`);
      this.#trouble = '';
      return true;
    } catch (error) {
      const wrong = error instanceof ConfigMistakes || error instanceof ConfigUnreadable;
      const { message } = error as Error;
      const trouble = wrong
        ? `${message}; what was in force before stays`
        : `configuration could not be published: ${message}; trying again`;
      if (error instanceof ConfigMistakes) for (const mistake of error.mistakes) say(mistake);
      if (wrong || trouble !== this.#trouble) say(trouble);
      this.#trouble = trouble;
      return wrong;
    }
  }
}

/** `sha256:0123456789ab…` as people compare it. */
export const shortVersion = (version: string) => version.slice(0, 19);
