/**
 * A URL over which secrets or keys may travel: one of `schemes`, or `http:` on loopback, where nobody listens in.
 *
 * @param option named in the error.
 * @throws {TypeError}
 */
export function secureUrl(text: string, option: string, schemes: readonly string[] = ['https:']): URL {
  const url = URL.parse(text);
  if (!url) throw new TypeError(`${option} is not a URL`);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (schemes.includes(url.protocol) || (url.protocol === 'http:' && loopback)) return url;
  throw new TypeError(`${option} must begin with ${schemes.join(' or ')} (http: only on loopback)`);
}
