import { SshDataFault } from '#lib/ssh/data-types.ts';
import { joinPath, splitPath, withoutTrailingSlashes } from '../sftp/paths.ts';
import { placeOf, type ScpCommand } from './command.ts';

const maxDepth = 256;
const wildcard = /[*?[{]/;

/**
 * Where the files of a transfer are, by the command and the names that are sent. Sometimes that is one of two:
 * `scp -t a` with a file `b` writes `a/b` if there is a directory `a`, else `a`. All that it may be is told, and
 * must be permitted.
 */
export class ScpPlaces {
  readonly #command: ScpCommand;
  /** Of the directories that were entered, outermost first. */
  readonly #entered: (readonly string[])[] = [];

  constructor(command: ScpCommand) {
    this.#command = command;
  }

  /** @returns none: the command does not say where a file of this name is */
  of(name: string): string[] {
    const inside = this.#entered.at(-1);
    if (inside) return inside.map(directory => joinPath(directory, name));
    return this.#command.direction === 'to-target' ? this.#toTarget(name) : this.#fromTarget(name);
  }

  enter(places: readonly string[]): void {
    if (this.#entered.length >= maxDepth) throw new SshDataFault('directories too deep in one another');
    this.#entered.push(places);
  }

  leave(): void {
    if (this.#entered.pop() === undefined)
      throw new SshDataFault('the end of a directory that was not begun');
  }

  #toTarget(name: string): string[] {
    const written = this.#command.paths[0]!;
    const target = placeOf(written);
    const inside = joinPath(target, name);
    const isDirectory = this.#command.directory || /(^|\/)\.{0,2}$/.test(written) || /^~[^/]*$/.test(written);
    return isDirectory ? [inside] : [target, inside];
  }

  /** A shell may have made several names of one word. */
  #fromTarget(name: string): string[] {
    const places = this.#command.paths.flatMap(path => {
      const written = splitPath(withoutTrailingSlashes(path));
      const parent = path.includes('/') ? written.parent : '.';
      if (written.name === name) return [placeOf(path)];
      return wildcard.test(written.name) && !wildcard.test(parent) ? [joinPath(placeOf(parent), name)] : [];
    });
    return [...new Set(places)];
  }
}
