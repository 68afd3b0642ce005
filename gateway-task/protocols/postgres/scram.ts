import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from '@mongodb-js/saslprep';
import { SallyportError } from '#lib/errors.ts';

const derive = promisify(pbkdf2);
const maxIterations = 1_000_000;

/** What the gateway needs to prove a password, and to have the server prove that it knows it. */
interface Keys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

/** Derived keys by password and salt: 4,096 rounds cost half a millisecond at every session's start. */
const known = new Map<string, Keys>();
const maxKnown = 1_000;

/**
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677; channel binding
 * tls-server-end-point, RFC 5929 section 4) as PostgreSQL uses it: no user name, no authorisation identity.
 */
export class ScramClient {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  readonly #password: string;
  readonly #nonce: string;
  readonly #header: string;
  readonly #binding: Buffer;
  #serverSignature: Buffer | undefined;

  /**
   * @param offered the mechanisms that the server offers
   * @param certificate the server's certificate in DER, where the leg has TLS
   */
  constructor(
    password: string,
    offered: readonly string[],
    certificate: Buffer | undefined,
    random: (bytes: number) => Buffer = randomBytes,
  ) {
    const plus = certificate !== undefined && offered.includes('SCRAM-SHA-256-PLUS');
    if (!plus && !offered.includes('SCRAM-SHA-256')) {
      throw new SallyportError(
        'targetUnavailable',
        'the target offers no way of signing in that Sallyport has',
      );
    }
    this.mechanism = plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
    this.#password = password;
    this.#nonce = random(18).toString('base64');
    // 'y' says: I could bind to the channel but think that you cannot, so that stripping -PLUS is noticed.
    this.#header = plus ? 'p=tls-server-end-point,,' : certificate === undefined ? 'n,,' : 'y,,';
    this.#binding = plus ? endPointHash(certificate) : Buffer.alloc(0);
  }

  first(): Buffer {
    return Buffer.from(`${this.#header}n=,r=${this.#nonce}`);
  }

  /** @param serverFirst the server's first message: nonce, salt, rounds. */
  async final(serverFirst: string): Promise<Buffer> {
    const attributes = readAttributes(serverFirst);
    const nonce = attributes.get('r') ?? '';
    const salt = attributes.get('s') ?? '';
    const iterations = Number(attributes.get('i'));
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw violation('a foreign nonce');
    if (!salt || !Number.isInteger(iterations) || iterations < 4096 || iterations > maxIterations) {
      throw violation('no salt or an unfit number of rounds');
    }
    const keys = await deriveKeys(this.#password, salt, iterations);
    const binding = Buffer.concat([Buffer.from(this.#header), this.#binding]).toString('base64');
    const withoutProof = `c=${binding},r=${nonce}`;
    const authMessage = `n=,r=${this.#nonce},${serverFirst},${withoutProof}`;
    const storedKey = createHash('sha256').update(keys.clientKey).digest();
    const signature = hmac(storedKey, authMessage);
    const proof = Buffer.from(keys.clientKey.map((byte, index) => byte ^ signature[index]!));
    this.#serverSignature = hmac(keys.serverKey, authMessage);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Checks that the server knows the password too. Throws where it does not. */
  verify(serverFinal: string): void {
    const signature = Buffer.from(readAttributes(serverFinal).get('v') ?? '', 'base64');
    const expected = this.#serverSignature;
    if (!expected || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw violation('a wrong signature');
    }
  }
}

async function deriveKeys(password: string, salt: string, iterations: number): Promise<Keys> {
  const id = createHash('sha256').update(`${iterations}\0${salt}\0${password}`).digest('base64');
  const found = known.get(id);
  if (found) return found;
  const salted = await derive(prepare(password), Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  const keys = { clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') };
  if (known.size >= maxKnown) known.clear();
  known.set(id, keys);
  return keys;
}

/** PostgreSQL takes a password that SASLprep refuses as it stands. */
function prepare(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The certificate's hash under its own signature's hash function; MD5 and SHA-1 give way to SHA-256. */
function endPointHash(certificate: Buffer): Buffer {
  const algorithm = new X509Certificate(certificate).signatureAlgorithm ?? '';
  const name = /sha(?:-?)(224|256|384|512)/i.exec(algorithm)?.[1];
  return createHash(`sha${name ?? '256'}`)
    .update(certificate)
    .digest();
}

function readAttributes(text: string): Map<string, string> {
  return new Map(text.split(',').map(part => [part.slice(0, 1), part.slice(2)] as const));
}

function violation(what: string): SallyportError {
  return new SallyportError('targetUnavailable', `the target's SCRAM answer holds ${what}`);
}
