/**
 * Checks AWS Signature Version 4, in headers and in presigned addresses.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * Stricter than AWS in one thing: every `x-amz-*` header must be signed, `x-amz-target` above all.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** How far a signature's time may be from the clock, either way. */
export const maxSkewMs = 15 * 60_000;
/** A presigned address lives a week at most. */
const maxPresignedSeconds = 604_800;

export interface SignedRequest {
  readonly method: string;
  /** As sent: percent-encoded, without the query. */
  readonly path: string;
  /** As sent, without the `?`. */
  readonly query: string;
  /** Lower-case names, values of repeated headers joined by `,`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A signature as the request states it: nothing in it is checked yet. */
export interface Signature {
  readonly presigned: boolean;
  readonly accessKeyId: string;
  /** `YYYYMMDD` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly signedAt: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Seconds; presigned only. */
  readonly expires: number | undefined;
}

export interface SigningKey {
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type SigV4Reason = 'missing' | 'incomplete' | 'unknownKey' | 'skewed' | 'mismatch' | 'bodyMismatch';

/** A signature that does not hold. Services put the reason in their own words. */
export class SigV4Error extends Error {
  override readonly name = 'SigV4Error';
  readonly reason: SigV4Reason;

  constructor(reason: SigV4Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest();
const sha256Hex = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

/** RFC 3986 section 2.3: everything but unreserved characters is escaped. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unescapeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SigV4Error('incomplete', 'The address is not percent-encoded UTF-8.');
  }
}

function queryPairs(query: string): [string, string][] {
  if (query === '') return [];
  return query.split('&').map(pair => {
    const at = pair.indexOf('=');
    return at < 0
      ? [unescapeUri(pair), '']
      : [unescapeUri(pair.slice(0, at)), unescapeUri(pair.slice(at + 1))];
  });
}

/** S3 keeps the path as it is; every other service normalises it and escapes it a second time. */
function canonicalPath(path: string, service: string): string {
  if (service === 's3')
    return (
      path
        .split('/')
        .map(part => escapeUri(unescapeUri(part)))
        .join('/') || '/'
    );
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(escapeUri(part));
  }
  return `/${parts.join('/')}${parts.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(query: string): string {
  return queryPairs(query)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [escapeUri(name), escapeUri(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : x > y ? 1 : 0) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function payloadHash(request: SignedRequest, body: Uint8Array, signature: Signature): string {
  const claimed = request.headers['x-amz-content-sha256'];
  if (signature.service === 's3') {
    if (signature.presigned && claimed === undefined) return 'UNSIGNED-PAYLOAD';
    if (claimed === 'UNSIGNED-PAYLOAD' || claimed === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return claimed;
  }
  const actual = sha256Hex(body);
  if (claimed !== undefined && claimed !== actual) {
    throw new SigV4Error(
      'bodyMismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return actual;
}

/** What is signed, in two steps; exported for the published test vectors. */
export function stringToSign(request: SignedRequest, body: Uint8Array, signature: Signature): string {
  const headers = signature.signedHeaders.map(name => {
    const value = request.headers[name];
    if (value === undefined)
      throw new SigV4Error('mismatch', `The signed header '${name}' is not in the request.`);
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  const canonicalRequest = [
    request.method,
    canonicalPath(request.path, signature.service),
    canonicalQuery(request.query),
    headers.join(''),
    signature.signedHeaders.join(';'),
    payloadHash(request, body, signature),
  ].join('\n');
  const scope = `${signature.date}/${signature.region}/${signature.service}/aws4_request`;
  return `AWS4-HMAC-SHA256\n${signature.signedAt}\n${scope}\n${sha256Hex(canonicalRequest)}`;
}

/** @throws {SigV4Error} `missing` or `incomplete`. */
export function readSignature(request: SignedRequest): Signature {
  const authorization = request.headers['authorization'];
  const query = new Map(request.query.includes('X-Amz-') ? queryPairs(request.query) : []);
  const presigned = query.has('X-Amz-Algorithm');
  if (presigned && authorization !== undefined) {
    throw new SigV4Error(
      'incomplete',
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
  }
  const fields = presigned ? presignedFields(query) : headerFields(authorization, request.headers);
  const [accessKeyId, date, region, service, terminator, ...rest] = fields.credential.split('/');
  if (!accessKeyId || !date || !region || !service || terminator !== 'aws4_request' || rest.length > 0) {
    throw new SigV4Error(
      'incomplete',
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request.',
    );
  }
  if (!/^\d{8}T\d{6}Z$/.test(fields.signedAt) || !fields.signedAt.startsWith(date)) {
    throw new SigV4Error(
      'incomplete',
      "Date must be in ISO-8601 'basic format' and match the credential scope.",
    );
  }
  const signedHeaders = fields.signedHeaders.split(';');
  if (!signedHeaders.includes('host')) {
    throw new SigV4Error('incomplete', "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const unsigned = Object.keys(request.headers).find(
    name => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  );
  if (unsigned !== undefined)
    throw new SigV4Error('incomplete', `The header '${unsigned}' is present but not signed.`);
  return { ...fields, presigned, accessKeyId, date, region, service, signedHeaders };
}

interface Fields {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly signedAt: string;
  readonly sessionToken: string | undefined;
  readonly expires: number | undefined;
}

function headerFields(authorization: string | undefined, headers: Readonly<Record<string, string>>): Fields {
  if (authorization === undefined || !authorization.startsWith('AWS4-')) {
    throw new SigV4Error('missing', 'Request is missing Authentication Token');
  }
  const match = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(authorization);
  const parts = new Map(
    (match?.[1] ?? '').split(',').map(part => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()] as const;
    }),
  );
  const [credential, signedHeaders, signature] = [
    parts.get('Credential'),
    parts.get('SignedHeaders'),
    parts.get('Signature'),
  ];
  const signedAt = headers['x-amz-date'];
  if (!credential || !signedHeaders || !signature || !signedAt) {
    throw new SigV4Error(
      'incomplete',
      "The Authorization header requires 'Credential', 'SignedHeaders' and 'Signature', and the request an 'X-Amz-Date' header.",
    );
  }
  return {
    credential,
    signedHeaders,
    signature,
    signedAt,
    sessionToken: headers['x-amz-security-token'],
    expires: undefined,
  };
}

function presignedFields(query: ReadonlyMap<string, string>): Fields {
  const [credential, signedHeaders, signature, signedAt] = [
    query.get('X-Amz-Credential'),
    query.get('X-Amz-SignedHeaders'),
    query.get('X-Amz-Signature'),
    query.get('X-Amz-Date'),
  ];
  const expires = Number(query.get('X-Amz-Expires'));
  const lives = Number.isInteger(expires) && expires >= 1 && expires <= maxPresignedSeconds;
  if (
    query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256' ||
    !credential ||
    !signedHeaders ||
    !signature ||
    !signedAt ||
    !lives
  ) {
    throw new SigV4Error('incomplete', 'The query-string parameters of the signature are not complete.');
  }
  return {
    credential,
    signedHeaders,
    signature,
    signedAt,
    sessionToken: query.get('X-Amz-Security-Token'),
    expires,
  };
}

function checkTime(signature: Signature, now: number): void {
  const signedAt = Date.parse(
    signature.signedAt.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  const until = signedAt + (signature.expires === undefined ? maxSkewMs : signature.expires * 1000);
  if (!(now <= until))
    throw new SigV4Error('skewed', `Signature expired: ${signature.signedAt} is too long ago.`);
  if (signedAt > now + maxSkewMs)
    throw new SigV4Error('skewed', `Signature not yet current: ${signature.signedAt} is still to come.`);
}

/**
 * @param key of `signature.accessKeyId`; nothing when there is no such key.
 * @param now milliseconds since the epoch.
 * @throws {SigV4Error} when the signature does not hold.
 */
export function checkSignature(
  request: SignedRequest,
  body: Uint8Array,
  signature: Signature,
  key: SigningKey | undefined,
  now: number,
): void {
  if (key === undefined || key.sessionToken !== signature.sessionToken) {
    throw new SigV4Error('unknownKey', 'The security token included in the request is invalid.');
  }
  checkTime(signature, now);
  const date = hmac(`AWS4${key.secretAccessKey}`, signature.date);
  const signingKey = hmac(hmac(hmac(date, signature.region), signature.service), 'aws4_request');
  const expected = hmac(signingKey, stringToSign(request, body, signature));
  const given = Buffer.from(signature.signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new SigV4Error(
      'mismatch',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    );
  }
}
