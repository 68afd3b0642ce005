import { SallyportError } from '#lib/errors.ts';

const separator = '\x01';

/**
 * The bearer token out of a SASLInitialResponse for OAUTHBEARER (RFC 7628 section 3.1):
 * `n,,` SOH `auth=Bearer ` token SOH SOH. Channel binding and an authorisation identity are not taken: the
 * principal comes from the token alone.
 *
 * @returns undefined when the client sends an empty `auth`, which asks where tokens come from (section 4.3).
 */
export function readInitialResponse(body: Buffer): string | undefined {
  const mechanismEnd = body.indexOf(0);
  const mechanism = body.toString('latin1', 0, Math.max(mechanismEnd, 0));
  const dataStart = mechanismEnd + 5;
  if (mechanismEnd < 0 || dataStart > body.length)
    throw new SallyportError('protocolViolation', 'invalid SASL response');
  if (mechanism !== 'OAUTHBEARER') {
    throw new SallyportError('unauthenticated', 'OAUTHBEARER is the only SASL mechanism offered');
  }
  if (body.readInt32BE(mechanismEnd + 1) !== body.length - dataStart) {
    throw new SallyportError('protocolViolation', 'invalid length in SASL response');
  }
  const [header, ...pairs] = body.toString('utf8', dataStart).split(separator);
  if (header !== 'n,,' || pairs.length < 2 || pairs.at(-1) !== '' || pairs.at(-2) !== '') {
    throw new SallyportError('protocolViolation', 'malformed OAUTHBEARER message');
  }
  const auth = pairs.filter(pair => pair.startsWith('auth='));
  if (auth.length === 1 && auth[0] === 'auth=') return undefined;
  const token = auth.length === 1 ? auth[0]!.match(/^auth=bearer +([A-Za-z0-9._~+/=-]+)$/i)?.[1] : undefined;
  if (!token) {
    throw new SallyportError('unauthenticated', 'no bearer token in the OAUTHBEARER message');
  }
  return token;
}

/** What RFC 7628 section 3.2.2 has a server say: why not, and where to take a token. */
export function discovery(issuer: string): Buffer {
  const configuration = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return Buffer.from(
    JSON.stringify({ status: 'invalid_token', scope: 'openid', 'openid-configuration': configuration }),
  );
}
