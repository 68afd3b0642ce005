import type { Duplex } from 'node:stream';
import type { ByteReader } from '#gateway/net/byte-reader.ts';
import type { Gate } from '#gateway/pipeline/gate.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { LoginAnswer, LoginPurpose } from '#lib/aws/control-api.ts';
import type { SallyportError } from '#lib/errors.ts';
import type { Principal } from '#lib/identity/principal.ts';
import type { Target } from '#lib/policy/config/targets.ts';
import type { ProtocolName } from './names.ts';

/** The client's leg of a connection. `socket` is replaced when a protocol turns on TLS. */
export interface ClientConnection {
  socket: Duplex;
  reader: ByteReader;
  /** As the load balancer states it where there is one, else the socket's. */
  readonly address: string;
  /** No network lies between: TLS may be left out. */
  readonly loopback: boolean;
  encrypted: boolean;
  /** The session that it came through, where it came through one. */
  readonly via: string | undefined;
  /** Ends when the handshake must be over. */
  readonly deadline: AbortSignal;
  /** Somebody signs in elsewhere: from now on the handshake has so long. */
  waitFor(milliseconds: number): void;
  /** Turns on TLS with the gateway's certificate. `alpnRequired`: the client must choose one of the protocol's names. */
  encrypt(alpn: readonly string[], alpnRequired: boolean): Promise<void>;
}

/** What a protocol hands up when it has a verified identity and the name of a target. */
export interface Greeting<Hello> {
  readonly identity: Identity;
  readonly target: string;
  /** Within the target: a database, a login. Undefined: the target's own default. */
  readonly place: string | undefined;
  /** What the protocol remembers of the greeting for itself. */
  readonly hello: Hello;
}

/** What a protocol may ask of the task while it greets. */
export interface Reception {
  /** The identity provider whose tokens are taken. */
  readonly issuer: string;
  /** Verifies a token, or redeems a ticket for the target. Throws `unauthenticated`. */
  identify(credential: string, target: string): Promise<Identity>;
  /** Takes the word of an authority that the protocol has verified itself: a certificate's. */
  vouch(principal: Principal): Identity;
  /** Signing in with a browser, for who carries no token. */
  readonly logins: {
    /** @param address the client's */
    begin(address: string, purpose: LoginPurpose): Promise<LoginAnswer>;
    /** `done` comes once. */
    poll(
      id: string,
    ): Promise<
      | { readonly state: 'pending'; readonly intervalMs: number }
      | { readonly state: 'denied' | 'expired' }
      | { readonly state: 'done'; readonly identity: Identity }
    >;
  };
  /** Public keys that stand for a sign-in with a browser. */
  readonly keys: {
    /** Whom the key is bound to, while the identity provider's session lasts. */
    identify(fingerprint: string, address: string): Promise<Identity | undefined>;
    /** Binds a key whose possession the client has proved in this connection. Throws `forbidden` with the reason. */
    bind(loginId: string, key: Buffer): Promise<void>;
  };
  /** Another connection asks to cancel what the session with this key does. Never says whether there is one. */
  cancel(key: string): Promise<void>;
}

/** Connections to targets of the gateway's own that a client opens within a session. */
export interface InnerConnections {
  /**
   * The target at this address, by its name (whatever the port) or by host and port of targets.yaml; undefined: none.
   * Not `served`: this task does not speak its protocol.
   */
  targetAt(host: string, port: number): { readonly name: string; readonly served: boolean } | undefined;
  /** Serves a connection to it as any other, by the target's own protocol; the end closes the socket. */
  serve(target: string, socket: Duplex): void;
}

/** A session that runs. */
export interface Relay {
  /** Resolves when both legs are closed, with the reason where the gateway ended it. Never rejects. */
  readonly done: Promise<SallyportError | undefined>;
  /** What another connection must show to cancel what runs here; undefined where the protocol has no such thing. */
  readonly cancelKey: string | undefined;
  /** Lets what is in flight finish, then tells the client why and closes. */
  drain(reason: SallyportError): void;
  /** Tells the client why, in the protocol's words, and closes now. */
  end(reason: SallyportError): void;
  /** Asks the target to stop what runs. */
  cancel(): Promise<void>;
}

/**
 * One protocol: a folder, a line in the list. The core owns the sequence greet, open, dial, relay; the
 * protocol supplies the verbs.
 */
export interface Protocol<Hello, Leg, Config extends Target> {
  readonly name: ProtocolName;
  /** What the operator should know of how it runs here; logged as it begins to listen. */
  readonly facts?: Readonly<Record<string, string>>;
  /** Speaks until there is a credential and a target; undefined when the connection was for something else. */
  greet(connection: ClientConnection, reception: Reception): Promise<Greeting<Hello> | undefined>;
  /** Opens the target with credentials that only the gateway has. */
  dial(grant: Grant<Config>, hello: Hello, deadline: AbortSignal): Promise<Leg>;
  /** Takes both legs over. */
  relay(connection: ClientConnection, hello: Hello, leg: Leg, gate: Gate, inner: InnerConnections): Relay;
  /** Says no in the protocol's own words before a relay runs, and closes. */
  refuse(connection: ClientConnection, reason: SallyportError): void;
}

/** How a protocol is made, once in a task, from its part of the environment. */
export interface ProtocolMaker<Settings> {
  // biome-ignore lint/suspicious/noExplicitAny: what a protocol remembers of a greeting is its own affair.
  make(settings: Settings): Promise<Protocol<any, any, any>>;
}
