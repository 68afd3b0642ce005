import { joinPath, normalPath } from '../sftp/paths.ts';

/** What an exec of `scp` says about the transfer that follows on its standard streams. */
export interface ScpCommand {
  /** `-t`: the client sends files, the target takes them; `-f`: the other way. */
  readonly direction: 'to-target' | 'from-target';
  /** As the client wrote them, one character a byte. One for `to-target`. */
  readonly paths: readonly string[];
  /** `-d`: the path is a directory. */
  readonly directory: boolean;
}

/**
 * Reads the words of an exec's command as `scp` in remote mode. OpenSSH's client writes `scp [-v] [-r] [-p] [-d]
 * -t|-f [--] path...`; an option that it does not write makes it something else.
 *
 * @param words as the target's shell would part them, quotes taken away
 * @returns undefined where it is none
 */
export function readScpCommand(words: readonly string[]): ScpCommand | undefined {
  const [program, ...rest] = words;
  if (program?.split('/').at(-1) !== 'scp') return undefined;
  const dashes = rest.indexOf('--');
  let first = rest.findIndex(word => !/^-[tfrpvdq]+$/.test(word));
  if (first < 0) return undefined;
  const letters = rest.slice(0, first).join('');
  if (dashes === first) first += 1;
  const paths = rest.slice(first).map(word => Buffer.from(word).toString('latin1'));
  if (paths.length === 0 || paths.some(path => path.includes('\0'))) return undefined;
  // Behind a path comes no option; before `--` one that is not known.
  if (dashes !== first - 1 && paths.some(path => path.startsWith('-'))) return undefined;
  const to = letters.includes('t');
  if (to === letters.includes('f') || (to && paths.length !== 1)) return undefined;
  return { direction: to ? 'to-target' : 'from-target', paths, directory: letters.includes('d') };
}

/** Where scp begins is the home, whose name is not known here: `~/a`. What is absolute or `~user/` stays. */
export function placeOf(path: string): string {
  if (path.startsWith('/')) return normalPath(path);
  if (path.startsWith('~')) {
    const slash = path.indexOf('/');
    if (slash < 0) return path;
    return inHome(path.slice(0, slash), normalPath(path.slice(slash + 1).replace(/^\/+/, '')));
  }
  return inHome('~', normalPath(path));
}

const inHome = (home: string, rest: string): string => (rest === '.' ? home : joinPath(home, rest));
