import type { Identity } from '#gateway/pipeline/identity.ts';
import type { ClientConnection, Reception } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { keyTypeOfCertificate, readCertificate } from '#lib/ssh/certificate.ts';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { readPublicKey, type SshPublicKey } from '#lib/ssh/public-key.ts';
import { BrowserSignIn } from './browser-sign-in.ts';
import type { TrustedAuthorities } from './trusted-authorities.ts';
import { message, serviceAccept, userauthBanner, userauthFailure, userauthPkOk } from './wire/messages.ts';
import type { Transport } from './wire/transport.ts';

const methods = ['publickey', 'keyboard-interactive', 'password'] as const;
/** Keys that a client may offer: an agent holds a handful. */
const maxKeys = 24;
/** Passwords, and sign-ins with a browser, that may go wrong. */
const maxFailures = 4;
/** A token may be 16 KiB; around it the message has a few bytes of its own. */
const maxRequestBytes = 24 * 1024;
const maxUserBytes = 256;

export interface SignedIn {
  readonly user: string;
  readonly identity: Identity;
}

interface Request {
  readonly user: string;
  readonly method: string;
  readonly payload: Buffer;
  /** Behind the name of the method. */
  readonly rest: SshReader;
}

/**
 * Who a client is: the authentication protocol, RFC 4252, server side, up to but without USERAUTH_SUCCESS, which
 * is said when the session is open. In the order of what stock clients do by themselves: a key that is bound to
 * a sign-in with a browser, or a certificate; else that sign-in, after which the key is bound; a token or ticket
 * where a password is asked for.
 */
export class UserAuth {
  readonly #transport: Transport;
  readonly #connection: ClientConnection;
  readonly #reception: Reception;
  readonly #trusted: TrustedAuthorities;
  readonly #now: () => number;
  #user: string | undefined;
  #keys = 0;
  #failures = 0;
  /** Keys that were offered and are bound to nobody. */
  #offered = 0;
  /** Somebody has signed in with a browser, and may now prove a key to bind. */
  #signedIn: { readonly loginId: string; readonly identity: Identity } | undefined;

  constructor(
    transport: Transport,
    connection: ClientConnection,
    reception: Reception,
    trusted: TrustedAuthorities,
    now: () => number = Date.now,
  ) {
    this.#transport = transport;
    this.#connection = connection;
    this.#reception = reception;
    this.#trusted = trusted;
    this.#now = now;
  }

  /** Rejects with coded errors only: `unauthenticated` after too many failures. */
  async run(): Promise<SignedIn> {
    try {
      await this.#service();
      for (;;) {
        const request = this.#read(await this.#receive());
        const identity = await this.#attempt(request);
        if (identity) return { user: request.user, identity };
      }
    } catch (error) {
      if (!(error instanceof SshDataFault)) throw error;
      throw new SallyportError('protocolViolation', `SSH sign-in: ${error.message}`, { cause: error });
    }
  }

  async #service(): Promise<void> {
    const reader = new SshReader(await this.#receive());
    if (reader.u8() !== message.serviceRequest || reader.name() !== 'ssh-userauth') {
      throw new SallyportError('protocolViolation', 'the client asks for a service that is not there');
    }
    this.#transport.write(serviceAccept('ssh-userauth'));
  }

  async #receive(): Promise<Buffer> {
    const payload = await this.#transport.receive(this.#connection.deadline);
    if (payload.length > maxRequestBytes) {
      throw new SallyportError('unauthenticated', 'the message is too long for a sign-in');
    }
    return payload;
  }

  #read(payload: Buffer): Request {
    const rest = new SshReader(payload);
    if (rest.u8() !== message.userauthRequest) {
      throw new SallyportError('protocolViolation', 'a message that has no place before the sign-in');
    }
    const user = rest.text();
    if (rest.name() !== 'ssh-connection') {
      throw new SallyportError('protocolViolation', 'the client asks for a service that is not there');
    }
    if (Buffer.byteLength(user) > maxUserBytes) throw new SshDataFault('the user name is too long');
    if (this.#user !== undefined && this.#user !== user) {
      throw new SallyportError('protocolViolation', 'the user name changed during the sign-in');
    }
    this.#user = user;
    return { user, method: rest.name(), payload, rest };
  }

  async #attempt(request: Request): Promise<Identity | undefined> {
    switch (request.method) {
      case 'publickey':
        return this.#publicKey(request);
      case 'keyboard-interactive':
        return this.#keyboardInteractive(request);
      case 'password':
        return this.#password(request);
      default:
        // `none` asks what there is.
        this.#no();
        return undefined;
    }
  }

  /** RFC 4252 section 7. */
  async #publicKey({ user, payload, rest }: Request): Promise<Identity | undefined> {
    this.#keys += 1;
    if (this.#keys > maxKeys) throw new SallyportError('unauthenticated', 'too many keys were offered');
    const signed = rest.bool();
    const algorithm = rest.name();
    const blob = rest.string();
    const signedTo = rest.offset;
    const signature = signed ? rest.string() : undefined;
    rest.end();

    const offer = await this.#offer(blob, algorithm, user);
    if (offer === undefined) {
      this.#no();
      return undefined;
    }
    if (signature === undefined) {
      this.#transport.write(userauthPkOk(algorithm, blob));
      return undefined;
    }
    const data = new SshWriter(64 + signedTo)
      .string(this.#transport.sessionId)
      .raw(payload.subarray(0, signedTo))
      .done();
    if (!offer.key.verify(data, signature, [plainSignature(algorithm)])) {
      this.#fail();
      return undefined;
    }
    if (offer.identity) return offer.identity;
    return this.#bind(offer.key);
  }

  /**
   * What a key is good for: somebody's identity, or (after a sign-in with a browser) to be bound. Undefined: for
   * nothing.
   */
  async #offer(
    blob: Buffer,
    algorithm: string,
    user: string,
  ): Promise<{ readonly key: SshPublicKey; readonly identity: Identity | undefined } | undefined> {
    if (keyTypeOfCertificate(algorithm.replace(/^rsa-sha2-(256|512)-/, 'ssh-rsa-')) !== undefined) {
      return this.#certificate(blob, user);
    }
    let key: SshPublicKey;
    try {
      key = readPublicKey(blob);
    } catch (error) {
      // A kind of key that is not taken here; the client has others.
      if (error instanceof SshDataFault) return undefined;
      throw error;
    }
    if (!key.algorithms.includes(algorithm)) return undefined;
    if (this.#signedIn) return { key, identity: undefined };
    const identity = await this.#reception.keys.identify(key.fingerprint, this.#connection.address);
    if (identity) return { key, identity };
    this.#offered += 1;
    return undefined;
  }

  #certificate(
    blob: Buffer,
    _user: string,
  ): { readonly key: SshPublicKey; readonly identity: Identity } | undefined {
    let certificate: ReturnType<typeof readCertificate>;
    try {
      certificate = readCertificate(blob);
    } catch (error) {
      if (error instanceof SshDataFault) return undefined;
      throw error;
    }
    const principal = this.#trusted.principalOf(certificate, this.#connection.address, this.#now());
    if (typeof principal === 'string') {
      this.#transport.write(userauthBanner(`Sallyport: the certificate is not taken: ${principal}.\r\n`));
      return undefined;
    }
    return { key: certificate.key, identity: this.#reception.vouch(principal) };
  }

  async #bind(key: SshPublicKey): Promise<Identity> {
    const { loginId, identity } = this.#signedIn!;
    try {
      await this.#reception.keys.bind(loginId, key.blob);
      this.#transport.write(
        userauthBanner(
          `Sallyport: from now on the key ${key.fingerprint} signs you in, until your session at the identity provider ends.\r\n`,
        ),
      );
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'forbidden') throw error;
      this.#transport.write(userauthBanner(`Sallyport: the key is not remembered: ${error.message}\r\n`));
    }
    return identity;
  }

  /** RFC 4256. */
  async #keyboardInteractive({ rest }: Request): Promise<Identity | undefined> {
    rest.string();
    rest.string();
    rest.end();
    if (this.#signedIn) {
      // Its keys are refused, or it has none after all.
      return this.#signedIn.identity;
    }
    const signIn = new BrowserSignIn(this.#transport, this.#connection, this.#reception);
    const outcome = await signIn.run(this.#offered > 0 ? 'key' : 'session');
    if (outcome.kind === 'credential') return this.#identify(outcome.text);
    if (outcome.kind === 'refused') {
      this.#transport.write(userauthBanner(`Sallyport: ${outcome.why}\r\n`));
      this.#fail();
      return undefined;
    }
    if (this.#offered === 0) return outcome.identity;
    // Which key is to be bound the client now says itself, by a signature.
    this.#signedIn = outcome;
    this.#keys = 0;
    this.#transport.write(userauthFailure(['publickey', 'keyboard-interactive'], true));
    return undefined;
  }

  /** RFC 4252 section 8. */
  async #password({ rest }: Request): Promise<Identity | undefined> {
    if (rest.bool()) throw new SallyportError('protocolViolation', 'a password cannot be changed here');
    const text = rest.text();
    rest.end();
    return this.#identify(text);
  }

  async #identify(text: string): Promise<Identity | undefined> {
    try {
      return await this.#reception.identify(text, targetOf(this.#user ?? ''));
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'unauthenticated') throw error;
      const hint = error.hint === undefined ? '' : ` ${error.hint}`;
      this.#transport.write(userauthBanner(`Sallyport: ${error.message}.${hint}\r\n`.replace('..', '.')));
      this.#fail();
      return undefined;
    }
  }

  #fail(): void {
    this.#failures += 1;
    if (this.#failures >= maxFailures) {
      throw new SallyportError('unauthenticated', 'too many failures of signing in');
    }
    this.#no();
  }

  #no(): void {
    this.#transport.write(
      userauthFailure(this.#signedIn ? ['publickey', 'keyboard-interactive'] : methods, false),
    );
  }
}

/** `web-1` is the target with its own login, `web-1/root` another login on it. */
export function splitUser(user: string): [target: string, login: string | undefined] {
  const slash = user.indexOf('/');
  return slash < 0 ? [user, undefined] : [user.slice(0, slash), user.slice(slash + 1)];
}

function targetOf(user: string): string {
  return splitUser(user)[0];
}

/** The signature by a certified key is by the plain algorithm; for RSA the certificate's name says which hash. */
function plainSignature(algorithm: string): string {
  return algorithm.replace(/-cert-v01@openssh\.com$/, '').replace(/^(sk-[a-z0-9-]+)$/, '$1@openssh.com');
}
