import { SshDataFault } from '#lib/ssh/data-types.ts';
import { readPublicKey, type SshPublicKey } from '#lib/ssh/public-key.ts';

/** A key of 16384 bits, and a comment of some length. */
const maxLineLength = 8192;

export interface KeyLine {
  readonly key: SshPublicKey;
  readonly comment: string;
}

/**
 * A line of a `.pub` file or of authorized_keys, sshd(8): `ssh-ed25519 AAAA… comment`. A line that begins with
 * options (`from="…"`) is refused: to read the key and not to keep to them would be to allow what they forbid.
 *
 * @throws SshDataFault
 */
export function readAuthorizedKeyLine(text: string): KeyLine {
  const line = text.trim();
  if (line.length > maxLineLength) throw new SshDataFault('a line that is too long for a key');
  const [, type, base64, comment = ''] =
    /^([!-~]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/.exec(line) ?? [];
  if (type === undefined || base64 === undefined) throw new SshDataFault('a line that is no public key');
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64') !== base64) throw new SshDataFault('a key that is not in base64');
  const key = readPublicKey(blob);
  if (key.type !== type) throw new SshDataFault('a key of another type than its line says');
  return { key, comment };
}

/** @throws TypeError when the comment would not stay on the line */
export function publicKeyLine(key: Pick<SshPublicKey, 'type' | 'blob'>, comment = ''): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(comment)) throw new TypeError('comment has a control character');
  const line = `${key.type} ${key.blob.toString('base64')}`;
  return comment === '' ? line : `${line} ${comment}`;
}
