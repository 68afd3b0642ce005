import type { Identity } from '#gateway/pipeline/identity.ts';
import type { ClientConnection, Reception } from '#gateway/protocols/protocol.ts';
import { SallyportError } from '#lib/errors.ts';
import { keyTypeOfCertificate, readCertificate, type SshCertificate } from '#lib/ssh/certificate.ts';
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
/** Everything that a client may ask for, `none` and what does not exist included. */
const maxRequests = 64;
/** A token may be 16 KiB; around it the message has a few bytes of its own. */
const maxRequestBytes = 24 * 1024;
const maxUserBytes = 256;

export interface SignedIn {
  readonly user: string;
  readonly identity: Identity;
}

interface Offer {
  readonly key: SshPublicKey;
  /** Whose the certificate says it is. */
  readonly identity: Identity | undefined;
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
  #requests = 0;
  #keys = 0;
  #failures = 0;
  /** The first key that the client has proved to hold, and that is bound to nobody. */
  #proved: SshPublicKey | undefined;

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
    this.#requests += 1;
    if (this.#requests > maxRequests)
      throw new SallyportError('unauthenticated', 'too many requests to sign in');
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
  async #publicKey({ payload, rest }: Request): Promise<Identity | undefined> {
    this.#keys += 1;
    if (this.#keys > maxKeys) throw new SallyportError('unauthenticated', 'too many keys were offered');
    const signed = rest.bool();
    const algorithm = rest.name();
    const blob = rest.string();
    const signedTo = rest.offset;
    const signature = signed ? rest.string() : undefined;
    rest.end();

    const offer = this.#offer(blob, algorithm);
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
    return offer.identity ?? this.#owner(offer.key);
  }

  /**
   * A key that may be somebody's, or a certificate that says whose it is. Undefined: neither. Whether a key is
   * bound nobody learns, and the control plane is not asked, before the client has proved that it holds it.
   */
  #offer(blob: Buffer, algorithm: string): Offer | undefined {
    try {
      if (keyTypeOfCertificate(algorithm.replace(/^rsa-sha2-(256|512)-/, 'ssh-rsa-')) !== undefined) {
        return this.#certificate(readCertificate(blob));
      }
      const key = readPublicKey(blob);
      return key.algorithms.includes(algorithm) ? { key, identity: undefined } : undefined;
    } catch (error) {
      // A kind of key that is not taken here; the client has others.
      if (error instanceof SshDataFault) return undefined;
      throw error;
    }
  }

  #certificate(certificate: SshCertificate): Offer | undefined {
    const principal = this.#trusted.principalOf(certificate, this.#connection.address, this.#now());
    if (typeof principal === 'string') {
      this.#transport.write(userauthBanner(`Sallyport: the certificate is not taken: ${principal}.\r\n`));
      return undefined;
    }
    return { key: certificate.key, identity: this.#reception.vouch(principal) };
  }

  /** Whom a proved key is bound to; one that is bound to nobody may be after a sign-in with a browser. */
  async #owner(key: SshPublicKey): Promise<Identity | undefined> {
    const identity = await this.#reception.keys.identify(key.fingerprint, this.#connection.address);
    if (identity) return identity;
    // Once: a client may have many. One that cannot ask its person anything shows no more than this. Where there are
    // certificates, theirs are offered without them first.
    if (this.#proved === undefined && this.#trusted.none) {
      const words = `the key ${key.fingerprint} signs nobody in (it never did, was revoked, or the session with the identity provider has ended). Run ssh once in a terminal, to sign in with a browser.`;
      this.#transport.write(userauthBanner(`Sallyport: ${words}\r\n`));
    }
    this.#proved ??= key;
    this.#no();
    return undefined;
  }

  async #bind(loginId: string, key: SshPublicKey): Promise<void> {
    let words = `from now on the key ${key.fingerprint} signs you in, until your session at the identity provider ends.`;
    try {
      await this.#reception.keys.bind(loginId, key.blob);
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'forbidden') throw error;
      words = `the key is not remembered: ${error.message}`;
    }
    this.#transport.write(userauthBanner(`Sallyport: ${words}\r\n`));
  }

  /** RFC 4256. */
  async #keyboardInteractive({ rest }: Request): Promise<Identity | undefined> {
    rest.string();
    rest.string();
    rest.end();
    const key = this.#proved;
    const signIn = new BrowserSignIn(this.#transport, this.#connection, this.#reception);
    const outcome = await signIn.run(key ? 'key' : 'session');
    switch (outcome.kind) {
      case 'credential':
        return this.#identify(outcome.text);
      case 'refused':
        this.#transport.write(userauthBanner(`Sallyport: ${outcome.why}\r\n`));
        this.#fail();
        return undefined;
      case 'signedIn':
        if (key) await this.#bind(outcome.loginId, key);
        return outcome.identity;
    }
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
    this.#transport.write(userauthFailure(methods, false));
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
