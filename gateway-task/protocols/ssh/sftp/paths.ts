/** Paths as SFTP has them: bytes, one character each (latin1), parted by `/`. Only for people they become text. */

/** The last name and what is before it. `/a/b/` ends with `b`; of `/` the name is empty. */
export function splitPath(path: string): { parent: string; name: string } {
  const trimmed = withoutTrailingSlashes(path);
  const slash = trimmed.lastIndexOf('/');
  return { parent: slash <= 0 ? '/' : trimmed.slice(0, slash), name: trimmed.slice(slash + 1) };
}

export function withoutTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

export function joinPath(parent: string, name: string): string {
  return parent.endsWith('/') ? parent + name : `${parent}/${name}`;
}

/**
 * Takes `.`, `..` and double slashes out without looking at the file system. A `..` behind a link is another
 * place there than here. What is relative stays so: `../a` and `.` are possible.
 */
export function normalPath(path: string): string {
  const absolute = path.startsWith('/');
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (!absolute) names.push('..');
  }
  const joined = names.join('/');
  return absolute ? `/${joined}` : joined || '.';
}

const plain = /^[\x20-\x7e]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A path as policy and people see it: UTF-8, and where it is none, ASCII with the other bytes as `\xff`. Such
 * a text may stand for a file whose name has a backslash in it as well; its bytes are in the recording.
 */
export function pathText(path: string): string {
  if (plain.test(path)) return path;
  try {
    return utf8.decode(Buffer.from(path, 'latin1'));
  } catch {
    return path.replace(/[\x80-\xff]/g, byte => `\\x${byte.charCodeAt(0).toString(16)}`);
  }
}
