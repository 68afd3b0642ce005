/**
 * Brings the configuration folder to the policy table, as a deployment's pipeline does: the whole of it, checked,
 * as one immutable snapshot. While the stack runs, every valid change follows; of an invalid one all mistakes are
 * told, and what was in force stays so.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoTable } from '#lib/aws/dynamodb.ts';
import { PolicyStore } from '#lib/aws/policy-store.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { formatMistake } from '#lib/policy/config/mistake.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';
import { tableName } from '../infra/tables.ts';
import { deployment } from './access-keys.ts';

/** An editor writes a file in several steps; this is longer than all of them. */
const settleMs = 250;

/** The configuration is wrong: every mistake, with file and line. */
export class ConfigMistakes extends Error {
  override readonly name = 'ConfigMistakes';
  readonly mistakes: readonly string[];

  constructor(folder: string, mistakes: readonly string[]) {
    super(`${folder} has ${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}`);
    this.mistakes = mistakes;
  }
}

/** The configuration folder as a snapshot. @throws ConfigMistakes */
export function readConfig(folder: string): Snapshot {
  const { snapshot, mistakes } = loadConfig(folder);
  if (snapshot !== undefined) return snapshot;
  throw new ConfigMistakes(
    folder,
    mistakes.map(mistake => formatMistake(folder, mistake)),
  );
}

export class ConfigPublisher {
  readonly #folder: string;
  readonly #store: PolicyStore;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(folder: string, client: DynamoDBClient) {
    this.#folder = folder;
    this.#store = new PolicyStore({ table: new DynamoTable(client, tableName(deployment, 'policy')) });
  }

  /**
   * Publishes what the folder says now.
   *
   * @returns the version in force, and whether it is a new one
   * @throws ConfigMistakes
   */
  async publish(): Promise<{ readonly version: string; readonly changed: boolean }> {
    const snapshot = readConfig(this.#folder);
    const { outcome } = await this.#store.publish(snapshot, { publishedBy: 'embedded stack' });
    if (outcome === 'conflict') throw new Error('somebody else published a policy at the same moment');
    return { version: snapshot.version, changed: outcome === 'published' };
  }

  /** Follows the folder from now on. `say` gets a line for each new version and each mistake. */
  follow(say: (line: string) => void): void {
    this.#watcher = watch(this.#folder, { recursive: true }, () => {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => {
        this.#running = this.#running.then(() => this.#take(say));
      }, settleMs);
    });
    // A folder that goes away takes the watch with it; the last good version stays in force.
    this.#watcher.on('error', error => say(`configuration is no longer watched: ${error.message}`));
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    clearTimeout(this.#settling);
    await this.#running;
  }

  async #take(say: (line: string) => void): Promise<void> {
    try {
      const { version, changed } = await this.publish();
      if (changed)
        say(`configuration ${shortVersion(version)} is published; the gateway takes it within seconds`);
    } catch (error) {
      if (!(error instanceof ConfigMistakes)) {
        say(`configuration could not be published: ${(error as Error).message}`);
        return;
      }
      for (const mistake of error.mistakes) say(mistake);
      say(`${error.message}; what was in force before stays`);
    }
  }
}

/** `sha256:0123456789ab…` as people compare it. */
export const shortVersion = (version: string) => version.slice(0, 19);
