/**
 * JSON that was signed by somebody else, read without a choice: an object that names a member twice is
 * refused, since two readers may each believe another of the two (RFC 7519 section 4).
 */

/** Every string token; the colon that makes it a member name is captured. */
const stringToken = /"(?:[^"\\]|\\.)*"(\s*:)?/gs;

/**
 * Parses `text` like `JSON.parse`.
 *
 * @throws {SyntaxError} when it is not JSON, or when any object in it names a member twice.
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  let written = 0;
  for (const token of text.matchAll(stringToken)) if (token[1] !== undefined) written++;
  if (written !== countMembers(value)) throw new SyntaxError('An object names a member twice.');
  return value;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const member of Object.values(value)) count += countMembers(member);
  return count;
}
