import { SshDataFault } from '#lib/ssh/data-types.ts';
import type { ScpLegacy, TransferPath } from '#lib/ssh/shell/transfer-line.ts';
import { joinPath, normalPath, splitPath, withoutTrailingSlashes } from '../sftp/paths.ts';

const maxDepth = 256;
/** What shells make other names of; a brace too, in some. */
const wildcard = /[*?[{]/;

/** A path one character a byte. */
interface Written {
  readonly path: string;
  readonly expands: boolean;
}

/**
 * Where the files of a transfer are, by the command and the names that are sent. Sometimes that is one of two:
 * `scp -t a` with a file `b` writes `a/b` if there is a directory `a`, else `a`. All that it may be is told, and
 * must be permitted.
 */
export class ScpPlaces {
  readonly #paths: readonly Written[];
  readonly #command: Pick<ScpLegacy, 'direction' | 'directory'>;
  /** Of the directories that were entered, outermost first. */
  readonly #entered: (readonly string[])[] = [];

  constructor(command: Pick<ScpLegacy, 'direction' | 'directory' | 'paths'>) {
    this.#command = command;
    this.#paths = command.paths.map(({ path, expands }) => ({
      path: Buffer.from(path).toString('latin1'),
      expands,
    }));
  }

  /**
   * @param name one character a byte
   * @returns none: the command does not say where a file of this name is
   */
  of(name: string): string[] {
    const inside = this.#entered.at(-1);
    if (inside) return inside.map(directory => joinPath(directory, name));
    return this.#command.direction === 'to' ? this.#toTarget(name) : this.#fromTarget(name);
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
    const { path, expands } = this.#paths[0]!;
    if (expands && wildcard.test(path)) return [];
    const target = placeOf(path, expands);
    const inside = joinPath(target, name);
    const isDirectory =
      this.#command.directory || /(^|\/)\.{0,2}$/.test(path) || (expands && /^~[^/]*$/.test(path));
    return isDirectory ? [inside] : [target, inside];
  }

  /** A shell may have made several names of one word. */
  #fromTarget(name: string): string[] {
    const places = this.#paths.flatMap(({ path, expands }) => {
      const written = splitPath(withoutTrailingSlashes(path));
      const parent = path.includes('/') ? written.parent : '.';
      if (written.name === name) return [placeOf(path, expands)];
      const inParent = expands && wildcard.test(written.name) && !wildcard.test(parent);
      return inParent ? [joinPath(placeOf(parent, true), name)] : [];
    });
    return [...new Set(places)];
  }
}

/**
 * Where scp begins is the home, whose name is not known here: `~/a`. What is absolute or `~user/` stays.
 * @param expands a tilde at the start is the shell's
 */
export function placeOf(path: TransferPath['path'], expands: boolean): string {
  if (path.startsWith('/')) return normalPath(path);
  if (!expands || !path.startsWith('~')) return inHome('~', normalPath(path));
  const slash = path.indexOf('/');
  if (slash < 0) return path;
  return inHome(path.slice(0, slash), normalPath(path.slice(slash + 1).replace(/^\/+/, '')));
}

const inHome = (home: string, rest: string): string => (rest === '.' ? home : joinPath(home, rest));
