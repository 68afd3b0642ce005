import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTPayload,
  SignJWT,
} from 'jose';

export const issuer = 'https://id.example';
export const audience = 'sallyport';
/** Milliseconds since the epoch; whole seconds. */
export const start = Date.UTC(2026, 0, 15, 12);
export const startS = start / 1000;

/** An identity provider in memory: it signs what it is told to, and counts how often its keys are read. */
export async function makeIssuer() {
  const keys = new Map<string, CryptoKey>();
  const jwks: { keys: JSONWebKeySet['keys'] } = { keys: [] };
  let away = false;
  let reads = 0;

  const addKey = async (kid: string) => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    keys.set(kid, pair.privateKey);
    jwks.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' });
  };
  await addKey('one');

  return {
    jwks,
    addKey,
    removeKey: (kid: string) => {
      jwks.keys = jwks.keys.filter(key => key.kid !== kid);
    },
    setAway: (value: boolean) => {
      away = value;
    },
    reads: () => reads,
    fetch: (async () => {
      reads++;
      if (away) throw new TypeError('fetch failed');
      return Response.json(jwks);
    }) as typeof fetch,
    /** A good token, changed by `claims` and `header`; a claim given as undefined is left out. */
    sign: (claims: JWTPayload = {}, header: { kid?: string; typ?: string } = {}) => {
      const kid = header.kid ?? 'one';
      const payload = { iss: issuer, aud: audience, sub: 'u-1', iat: startS, exp: startS + 300, ...claims };
      const key = keys.get(kid) ?? keys.get('one');
      if (!key) throw new TypeError('no key');
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header, kid })
        .sign(key);
    },
    /** Signs a payload given as text, for what no JSON library would write. */
    signText: async (payload: string) => {
      const key = keys.get('one');
      if (!key) throw new TypeError('no key');
      const head = Buffer.from('{"alg":"ES256","kid":"one"}').toString('base64url');
      const signed = `${head}.${Buffer.from(payload).toString('base64url')}`;
      const signature = await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        key,
        Buffer.from(signed),
      );
      return `${signed}.${Buffer.from(signature).toString('base64url')}`;
    },
  };
}
