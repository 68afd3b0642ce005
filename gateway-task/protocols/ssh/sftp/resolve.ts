import { joinPath, splitPath, withoutTrailingSlashes } from './paths.ts';
import type { Answer } from './wire/replies.ts';

/** Something that only the server knows. */
export interface Question {
  readonly kind: 'realpath' | 'lstat' | 'expand';
  /** One character a byte. */
  readonly path: string;
}

/**
 * How the path of a request stands for a file: `follow` links to their end; `entry`, the name itself in its
 * directory, whatever it is; `expand`, as `expand-path@openssh.com` reads it.
 */
export type PathRole = 'follow' | 'entry' | 'expand';

export type Resolution =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'ask'; readonly question: Question }
  /** The server cannot say: the request would meet the same. `path` is what is known of it. */
  | { readonly kind: 'failed'; readonly answer: Answer & { kind: 'failed' }; readonly path: string };

/** What is known already. `parent`: it is asked of a directory that names stand in. */
export type Known = (question: Question, parent: boolean) => Answer | undefined;

const noSuchFile = 2;

/**
 * The canonical path that a request's path stands for, by what the server has said so far; or the next thing
 * to ask it. Written for what OpenSSH's sftp-server does (9.2, `sftp_realpath`): REALPATH resolves every link,
 * a missing last name passes, also at the end of a dangling link, where it gives what the link points to; a
 * missing directory fails. For servers whose REALPATH fails where the last name is missing, its directory is
 * asked and then whether the name is a link that leads nowhere. A server whose REALPATH resolves no links
 * gives paths with links in them.
 */
export function resolvePath(path: string, role: PathRole, known: Known): Resolution {
  if (role === 'expand') return ask({ kind: 'expand', path }, path, known);
  let absolute = path;
  if (!path.startsWith('/')) {
    const home = ask({ kind: 'realpath', path: '.' }, path, known, true);
    if (home.kind !== 'path' || path === '' || path === '.') return home;
    absolute = joinPath(home.path, path);
  }
  // A slash behind the last name says that it is followed where it is a link; the rest is the server's to refuse.
  const trimmed = withoutTrailingSlashes(absolute);
  const { parent, name } = splitPath(trimmed);
  const follows = role === 'follow' || trimmed !== absolute || name === '' || name === '.' || name === '..';
  if (!follows) return inParent(parent, name, trimmed, known);

  const whole = ask({ kind: 'realpath', path: trimmed }, trimmed, known);
  if (whole.kind !== 'failed' || whole.answer.code !== noSuchFile) return whole;
  if (name === '' || name === '.' || name === '..') return whole;
  const entry = inParent(parent, name, trimmed, known);
  if (entry.kind !== 'path') return entry;
  const question: Question = { kind: 'lstat', path: trimmed };
  const there = known(question, false);
  if (there === undefined) return { kind: 'ask', question };
  // Where there is something, it is a link to nowhere.
  return there.kind === 'failed' && there.code === noSuchFile ? entry : whole;
}

function inParent(parent: string, name: string, path: string, known: Known): Resolution {
  const directory = parent === '/' ? undefined : ask({ kind: 'realpath', path: parent }, path, known, true);
  if (directory !== undefined && directory.kind !== 'path') return directory;
  return { kind: 'path', path: joinPath(directory?.path ?? '/', name) };
}

function ask(question: Question, path: string, known: Known, parent = false): Resolution {
  const answer = known(question, parent);
  if (answer === undefined) return { kind: 'ask', question };
  if (answer.kind === 'path') return { kind: 'path', path: answer.path };
  if (answer.kind === 'failed') return { kind: 'failed', answer, path };
  throw new TypeError('a path was asked for');
}
