import { isAscii, isUtf8 } from 'node:buffer';

/**
 * What the bytes of a text mean under `client_encoding`. The server converts a text to its own encoding before
 * it reads it. That changes no byte below 128 where every byte of a longer character is 128 or above, so the
 * text is cut into words at the same places; in the others (SJIS, BIG5, GBK, …) a quote or a backslash may be
 * the second half of a character.
 */

/** PostgreSQL's names, and what Node.js calls them. Only names of objects depend on the decoding. */
const labels: Readonly<Record<string, string>> = {
  LATIN1: 'latin1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
};

/** SQL_ASCII is not converted: what the server takes it for is its own encoding, which is UTF8 or unknown. */
const asUtf8 = new Set(['UTF8', 'UNICODE', 'SQL_ASCII']);

/** The later bytes of their characters are all high as well, but there is no decoder for them here. */
const cutSafely = new Set(['EUC_CN', 'EUC_TW', 'EUC_JIS_2004', 'MULE_INTERNAL']);

/** Whether texts may be cut into words by their bytes, whatever bytes above ASCII they hold. */
export function isCutSafely(encoding: string | undefined): boolean {
  if (encoding === undefined) return false;
  return asUtf8.has(encoding) || cutSafely.has(encoding) || Object.hasOwn(labels, encoding);
}

/**
 * The text as UTF-8; undefined when it cannot be known what it says.
 *
 * @param highNames whether bytes of 128 and above stand in names and not only in literals and comments
 */
export function toUtf8(
  text: Uint8Array,
  encoding: string | undefined,
  highNames: boolean,
): Uint8Array | undefined {
  if (isAscii(text)) return text;
  if (encoding === undefined) return undefined;
  if (asUtf8.has(encoding)) return isUtf8(text) ? text : undefined;
  if (encoding === 'LATIN1' || (!highNames && isCutSafely(encoding))) {
    return Buffer.from(Buffer.from(text).toString('latin1'));
  }
  const label = Object.hasOwn(labels, encoding) ? labels[encoding] : undefined;
  if (label === undefined) return undefined;
  try {
    return Buffer.from(new TextDecoder(label, { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
}
